import { expect, it } from 'vitest';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import { optimizerId } from './optimizer-id.ts';

it.each([
  [{ name: 'sgd' }, 'sgd'],
  [{ name: 'adamw' }, 'adamw'],
  [{ name: 'kfac', flavour: 'auto' }, 'kfac-auto'],
  [{ name: 'grafted-identity' }, 'grafted-identity'],
  [{ name: 'ikfac', flavour: 'reduce' }, 'ikfac-reduce'],
  [{ name: 'singd', flavour: 'expand' }, 'singd-expand'],
  [{ name: 'shampoo' }, 'shampoo'],
  [{ name: 'soap' }, 'soap'],
])('%o is %s', (settings, id) => {
  expect(optimizerId(optimizerSpecSchema.parse({ lr: 0.01, ...settings }))).toBe(id);
});
