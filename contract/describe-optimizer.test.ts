import { expect, it } from 'vitest';
import { describeOptimizer } from './describe-optimizer.ts';
import { optimizerSpecSchema } from './run-spec.ts';

it.each([
  [{ name: 'adamw', lr: 0.01 }, 'AdamW'],
  [{ name: 'adamw', lr: 0.01, weightDecayKind: 'l2' }, 'AdamW (L2)'],
  [{ name: 'nadamw', lr: 0.01 }, 'NAdamW'],
  [{ name: 'nadamw', lr: 0.01, weightDecayKind: 'l2' }, 'NAdamW (L2)'],
  [{ name: 'sgd', lr: 0.01 }, 'SGD Nesterov'],
  [{ name: 'sgd', lr: 0.01, nesterov: false }, 'SGD momentum'],
  [{ name: 'sgd', lr: 0.01, momentum: 0 }, 'SGD'],
  [{ name: 'sgd', lr: 0.01, momentum: 0, weightDecayKind: 'decoupled' }, 'SGD (decoupled decay)'],
  [{ name: 'kfac', lr: 0.01, flavour: 'expand' }, 'K-FAC expand'],
  [{ name: 'kfac', lr: 0.01, flavour: 'reduce', preconditioner: 'ekfac' }, 'EKFAC reduce'],
  [{ name: 'kfac', lr: 0.01, flavour: 'reduce' }, 'K-FAC reduce'],
  [{ name: 'kfac', lr: 0.01, flavour: 'reduce', recipe: 'classic' }, 'K-FAC reduce (classic)'],
  [{ name: 'kfac', lr: 0.01, flavour: 'auto' }, 'K-FAC auto'],
  [{ name: 'grafted-identity', lr: 0.01 }, 'Grafting control'],
  [{ name: 'ikfac', lr: 0.01, flavour: 'expand' }, 'IKFAC expand'],
  [{ name: 'singd', lr: 0.01, flavour: 'reduce', recipe: 'classic' }, 'SINGD reduce (classic)'],
  [{ name: 'shampoo', lr: 0.01 }, 'Shampoo'],
  [{ name: 'shampoo', lr: 0.01, power: '1/2', grafting: 'sgd' }, 'Shampoo 1/2 (SGD length)'],
  [{ name: 'soap', lr: 0.01 }, 'SOAP'],
])('%o is called %s', (input, words) => {
  expect(describeOptimizer(optimizerSpecSchema.parse(input))).toBe(words);
});
