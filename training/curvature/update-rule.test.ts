/** Every combination of length, momentum's place and divergence clip against float64, without curvature in between. */
import { describe, expect, it } from 'vitest';
import { graftedIdentitySpecSchema } from '../../contract/run-spec.ts';
import { expectClose } from '../program/test-program.ts';
import { GraftedIdentity } from './grafted-identity.ts';
import { batchOf, kfacSpec, netValues, prepareLayerStep } from './test-net.ts';
import { pass, type Values } from './test-reference.ts';
import { updateRule, type UpdateRule } from './update-rule.ts';

const steps = 4;
const lr = 0.05;
const settings = { weightDecay: 0.1, momentum: 0.8 };
const layers = [['first.weight', 'first.bias'], ['second.weight']];

const zeros = (): Values => new Map([...netValues()].map(([name, x]) => [name, new Float64Array(x.length)]));
const of = (values: Values, name: string): Float64Array => values.get(name) ?? new Float64Array();
const norm = (vectors: Float64Array[]) =>
  Math.sqrt(vectors.reduce((sum, v) => sum + v.reduce((own, x) => own + x * x, 0), 0));
const map = (v: Float64Array, f: (x: number, i: number) => number) => v.map(f);

/** A run of the rule in float64, written from its description. */
class Reference {
  readonly values: Values = new Map([...netValues()].map(([name, x]) => [name, x.slice()]));
  readonly clips: number[] = [];
  private readonly m = zeros();
  private readonly v = zeros();
  private readonly velocity = zeros();
  private readonly rule: UpdateRule;
  private readonly beta1: number;
  private readonly beta2: number;

  constructor(rule: UpdateRule, betas: { beta1: number; beta2: number }) {
    this.rule = rule;
    this.beta1 = betas.beta1;
    this.beta2 = betas.beta2;
  }

  step(k: number): void {
    const { rule, beta1, beta2 } = this;
    const { gradients } = pass(this.values, batchOf(k));
    for (const [name, g] of gradients) {
      of(this.m, name).forEach((x, i, all) => (all[i] = beta1 * x + (1 - beta1) * (g[i] ?? NaN)));
      of(this.v, name).forEach((x, i, all) => (all[i] = beta2 * x + (1 - beta2) * (g[i] ?? NaN) ** 2));
    }
    const corrected = (name: string) => map(of(this.m, name), (x) => x / (1 - beta1 ** k));
    const adam = (name: string, x: Float64Array) =>
      map(x, (value, i) => value / (Math.sqrt((of(this.v, name)[i] ?? NaN) / (1 - beta2 ** k)) + rule.eps));
    of(this.values, 'shift').forEach((w, i, all) => {
      all[i] = w - lr * (adam('shift', corrected('shift'))[i] ?? NaN);
    });
    const isBefore = rule.momentumPlace === 'before';
    const moves = layers.map((names) => {
      const x = names.map((name) => (isBefore ? corrected(name) : of(gradients, name)));
      const d = norm(x);
      const length = {
        none: d,
        sgd: d,
        adam: norm(names.map((name, i) => adam(name, x[i] ?? new Float64Array()))),
        rms: 0.3 * Math.sqrt(x.reduce((sum, { length: count }) => sum + count, 0)),
      }[rule.graft];
      return x.map((vector) => map(vector, (value) => (value * length) / d));
    });
    let along = 0;
    layers.forEach((names, l) => {
      names.forEach((name, i) => {
        moves[l]?.[i]?.forEach((x, at) => (along += x * (of(gradients, name)[at] ?? NaN)));
      });
    });
    const nu = rule.klClip === null ? 1 : Math.min(1, Math.sqrt(rule.klClip / (lr * lr * along)));
    this.clips.push(nu);
    layers.forEach((names, l) => {
      names.forEach((name, i) => {
        moves[l]?.[i]?.forEach((x, at) => {
          const velocity = of(this.velocity, name);
          velocity[at] = (isBefore ? 0 : rule.momentum * (velocity[at] ?? NaN)) + nu * x;
          const kept = name.endsWith('weight') ? 1 - lr * rule.weightDecay : 1;
          const w = of(this.values, name);
          w[at] = kept * (w[at] ?? NaN) - lr * (velocity[at] ?? NaN);
        });
      });
    });
  }
}

async function compare(choice: object): Promise<Reference> {
  const spec = graftedIdentitySpecSchema.parse({ name: 'grafted-identity', lr, ...settings, ...choice });
  const engine = await prepareLayerStep(spec, (gpu, own) => new GraftedIdentity(gpu, own, spec));
  const reference = new Reference(updateRule(spec), spec);
  for (let k = 1; k <= steps; k++) {
    engine.run(batchOf(k), {
      ...{ index: k, lr },
      correction1: 1 / (1 - spec.beta1 ** k),
      correction2: 1 / (1 - spec.beta2 ** k),
    });
    reference.step(k);
  }
  for (const [name, expected] of reference.values)
    expectClose(await engine.valuesOf(name), expected, 3e-6, name);
  return reference;
}

describe('the update of layers', () => {
  const grafts = ['adam', 'sgd', 'rms', 'none'];
  const places = ['before', 'after'];
  it.each(places.flatMap((momentumPlace) => grafts.map((graft) => ({ graft, momentumPlace }))))(
    'takes the length of $graft with momentum $momentumPlace the preconditioner',
    async (choice) => {
      await compare(choice);
    },
  );

  it.each(places)('clips the divergence of all layers together, momentum %s', async (momentumPlace) => {
    const { clips } = await compare({ klClip: 1e-4, momentumPlace, graft: 'adam' });
    expect(Math.max(...clips)).toBeLessThan(1);
  });

  it('leaves short steps alone', async () => {
    const { clips } = await compare({ klClip: 10, recipe: 'classic' });
    expect(Math.min(...clips)).toBe(1);
  });
});

describe('recipes', () => {
  it.each([
    ['grafted', { graft: 'adam', momentumPlace: 'before' }],
    ['classic', { graft: 'none', momentumPlace: 'after' }],
  ])('%s are names of choices', (recipe, choice) => {
    expect(updateRule(kfacSpec({ recipe }))).toMatchObject({ ...choice, klClip: null });
  });

  it('give way to what is chosen', () => {
    const chosen = { graft: 'rms', momentumPlace: 'after', klClip: 0.01 } as const;
    expect(updateRule(kfacSpec({ recipe: 'grafted', ...chosen }))).toMatchObject(chosen);
  });
});
