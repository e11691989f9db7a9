import { describe, expect, it } from 'vitest';
import {
  graftedIdentitySpecSchema,
  optimizerSpecSchema,
  runSpecSchema,
  scheduleSpecSchema,
} from './run-spec.ts';

describe('an optimiser stored before clipping and kinds of weight decay', () => {
  it.each([
    ['sgd', {}, { clipNorm: null, weightDecayKind: 'l2' }],
    ['adamw', {}, { clipNorm: null, weightDecayKind: 'decoupled' }],
    ['kfac', { flavour: 'expand' }, { clipNorm: null }],
  ])('reads as what it did: %s', (name, own, expected) => {
    expect(optimizerSpecSchema.parse({ name, lr: 0.1, ...own })).toMatchObject(expected);
  });
});

describe('clipNorm', () => {
  it.each([0, -1, NaN, Infinity])('cannot be %d', (clipNorm) => {
    expect(optimizerSpecSchema.safeParse({ name: 'nadamw', lr: 0.1, clipNorm }).success).toBe(false);
  });
});

describe('the grafting control from before it had a name of its own', () => {
  const run = (optimizer: object) => ({
    ...{ dataset: { id: 'digits' }, model: { kind: 'mlp', hidden: [8] }, batchSize: 8 },
    ...{ steps: 10, evaluateEvery: 5, seed: 0, target: { metric: 'val.loss', op: '<=', value: 1 } },
    optimizer,
  });
  const old = { name: 'kfac', flavour: 'expand', preconditioner: 'identity', lr: 0.02, damping: 0.5 };

  it('is read under its present name, with what it did', () => {
    const own = { recipe: 'classic', momentum: 0.7, klClip: 0.01, maxFactorSide: 64, embeddings: 'kfac' };
    expect(runSpecSchema.parse(run({ ...old, ...own })).optimizer).toEqual(
      graftedIdentitySpecSchema.parse({ name: 'grafted-identity', lr: 0.02, ...own }),
    );
  });

  it('is read twice as once', () => {
    const once = runSpecSchema.parse(run(old));
    expect(runSpecSchema.parse(once)).toEqual(once);
  });

  it.each([
    [{ ...old, lr: 11 }, 'optimizer.lr'],
    [{ ...old, dampnig: 1 }, 'optimizer'],
  ])('is not forgiven what is wrong with it: %j', (optimizer, path) => {
    const { error } = runSpecSchema.safeParse(run(optimizer));
    expect(error?.issues[0]?.path.join('.')).toBe(path);
  });

  it.each([null, 'adamw', 7, [], undefined])('leaves %j to be refused', (optimizer) => {
    expect(runSpecSchema.safeParse(run(optimizer as object)).success).toBe(false);
  });
});

it('K-FAC knows one kind of weight decay', () => {
  const spec = { name: 'kfac', lr: 0.1, flavour: 'expand', weightDecayKind: 'l2' };
  expect(optimizerSpecSchema.safeParse(spec).success).toBe(false);
});

it('both schedules with a warm-up have its length', () => {
  for (const kind of ['warmup-cosine', 'warmup-linear']) {
    expect(scheduleSpecSchema.parse({ kind })).toEqual({ kind, warmupSteps: 20 });
  }
});

describe('K-FAC settings that came later', () => {
  const parse = (settings: object) =>
    optimizerSpecSchema.safeParse({ name: 'kfac', lr: 0.1, flavour: 'reduce', ...settings });

  it.each(['mc', 'type2', 'empirical'])('leave a stored run with the Fisher %s what it was', (fisher) => {
    expect(parse({ fisher }).data).toMatchObject({
      ...{ fisher, fisherSamples: 1, reduceConvention: 'meanA_sumG', maxFactorSide: 2048 },
      ...{ embeddings: 'first-order', layers: [] },
    });
  });

  it.each([
    [{ fisherSamples: 0 }, 'fisherSamples'],
    [{ maxFactorSide: 8 }, 'maxFactorSide'],
    [{ reduceConvention: 'sumA_sumG' }, 'reduceConvention'],
    [{ layers: [{ pattern: '', flavour: 'reduce' }] }, 'layers'],
    [{ layers: [{ pattern: 'head' }] }, 'layers'],
  ])('have bounds: %j', (settings, field) => {
    const result = parse(settings);
    expect(result.success).toBe(false);
    expect(result.error?.issues[0]?.path[0]).toBe(field);
  });
});

describe('K-FAC settings of damping and update', () => {
  const parse = (settings: object) =>
    runSpecSchema.safeParse({
      ...{ dataset: { id: 'digits' }, model: { kind: 'mlp', hidden: [8] }, batchSize: 8 },
      ...{ steps: 10, evaluateEvery: 5, seed: 0, target: { metric: 'val.loss', op: '<=', value: 1 } },
      optimizer: { name: 'kfac', lr: 0.1, flavour: 'reduce', ...settings },
    });

  it('leave a stored run what it was', () => {
    expect(parse({}).data?.optimizer).toMatchObject({
      ...{ dampingScale: 'absolute', dampingFloor: 0, dampingAdaptation: 'none' },
      ...{ graft: null, momentumPlace: null, klClip: null },
    });
  });

  it('spread rounds of inversions that are much work, unless told not to', () => {
    expect(parse({}).data?.optimizer).toMatchObject({ inversionBudget: 100 });
    expect(parse({ inversionBudget: null }).data?.optimizer).toMatchObject({ inversionBudget: null });
  });

  it('invert by Cholesky unless told otherwise', () => {
    expect(parse({}).data?.optimizer).toMatchObject({ inversion: 'cholesky' });
    for (const inversion of ['cholesky-polished', 'newton-schulz'])
      expect(parse({ inversion }).data?.optimizer).toMatchObject({ inversion });
  });

  it.each([
    [{ preconditioner: 'ekfac' }, 'ekfac'],
    [{ dampingRule: 'exact' }, 'the damping rule exact'],
    [{ preconditioner: 'ekfac', dampingRule: 'exact' }, 'ekfac'],
  ])('refuse to choose how factors are inverted where none are: %j', (settings, choice) => {
    for (const inversion of ['cholesky-polished', 'newton-schulz']) {
      const issues = parse({ ...settings, inversion }).error?.issues ?? [];
      expect(issues.map(({ path }) => path.join('.'))).toEqual(['optimizer.inversion']);
      expect(issues[0]?.message).toBe(
        `must be cholesky, the default, for ${choice}, which decomposes factors and inverts none; ${inversion} inverts them`,
      );
    }
    expect(parse({ ...settings, inversion: 'cholesky' }).success).toBe(true);
  });

  it.each(['relative', 'exact'])('damp measured scales by the rule %s', (dampingRule) => {
    expect(parse({ preconditioner: 'ekfac', dampingRule }).success).toBe(true);
  });

  it.each(['pi', 'sqrt', 'plain'])('refuse to damp measured scales by the rule %s', (dampingRule) => {
    const issues = parse({ preconditioner: 'ekfac', dampingRule }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join('.'))).toEqual(['optimizer.dampingRule']);
    expect(issues[0]?.message).toContain('must be relative or exact for ekfac');
  });

  it.each([
    { klClip: 0 },
    { adaptationDecay: 1 },
    { dampingFloor: -1 },
    { inversionBudget: 0 },
    { inversion: 'lu' },
    { graft: 'lars' },
  ])('refuse %o', (settings) => {
    expect(parse(settings).success).toBe(false);
  });
});

describe('fields that do not fit together', () => {
  const valid = {
    dataset: { id: 'digits' },
    model: { kind: 'vit', patch: 2, width: 32, blocks: 1, heads: 5 },
    optimizer: { name: 'kfac', flavour: 'expand', lr: 0.01, preconditioner: 'ekfac', dampingRule: 'pi' },
    ...{ batchSize: 8, steps: 10, evaluateEvery: 20, seed: 0 },
    target: { metric: 'val.loss', op: '<=', value: 1 },
  };
  const together = ['evaluateEvery', 'model.heads', 'optimizer.dampingRule'];

  /** Paths of what is wrong with a spec. */
  function wrong(changes: object): string[] {
    const { error } = runSpecSchema.safeParse({ ...valid, ...changes });
    return (error?.issues ?? []).map(({ path }) => path.join('.')).sort();
  }

  it('are named whatever other fields are wrong', () => {
    expect(wrong({})).toEqual(together);
    expect(wrong({ batchSize: 0 })).toEqual(['batchSize', ...together].sort());
    expect(wrong({ seed: 0.5 })).toEqual([...together, 'seed']);
    expect(wrong({ model: { ...valid.model, blocks: 0 } })).toEqual(['model.blocks', ...together].sort());
    expect(wrong({ optimizer: { ...valid.optimizer, lr: -1 } })).toEqual(
      ['optimizer.lr', ...together].sort(),
    );
  });

  it.each<[string, object, string[]]>([
    ['a width', { model: { ...valid.model, width: -32 } }, ['model.width']],
    ['a kind of model', { model: { ...valid.model, kind: 'none' } }, ['model.kind']],
    ['a model', { model: 3 }, ['model']],
  ])('are passed over where %s they need is wrong itself', (_, changes, expected) => {
    expect(wrong(changes)).toEqual([...expected, 'evaluateEvery', 'optimizer.dampingRule'].sort());
  });

  it('are passed over where there is no spec', () => {
    expect(runSpecSchema.safeParse(null).error?.issues.map(({ path }) => path)).toEqual([[]]);
  });
});
