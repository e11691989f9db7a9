/**
 * Runs that differ only by their seed are repeats of one experiment: they are drawn as one band and counted as one
 * group. The group is named by a hash of the spec, computed the same way by the store, the UI and the command line.
 */
import { noAugmentation } from './augmentation.ts';
import type { GraftedIdentitySpec, RunSpec } from './run-spec.ts';

/**
 * 64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) over the UTF-8 bytes of the canonical JSON of `spec`
 * without `seed`, as 16 hexadecimal digits. It names groups within one person's store; it is no defence against
 * deliberate collisions.
 */
export function groupHash(spec: RunSpec): string {
  const { seed: _seed, augmentation, ...rest } = spec;
  const { optimizer, model } = rest;
  const named = optimizer.name === 'grafted-identity' ? asNamedBefore(optimizer) : optimizer;
  const decayKind = optimizer.name === 'sgd' ? 'l2' : 'decoupled';
  const augmented = withoutLateDefaults(augmentation ?? {}, noAugmentation);
  return fnv1a64(
    canonicalJson({
      ...rest,
      ...(Object.keys(augmented).length > 0 && { augmentation: augmented }),
      model: withoutLateDefaults(model, lateModelDefaults),
      optimizer: withoutLateDefaults(named, { ...lateDefaults, weightDecayKind: decayKind }),
    }),
  );
}

/**
 * The control as runs were stored before it had a name of its own: K-FAC without its curvature, whose settings were written
 * down all the same, as they started then.
 */
function asNamedBefore({ name: _name, ...own }: GraftedIdentitySpec): object {
  return {
    ...{ name: 'kfac', flavour: 'expand', preconditioner: 'identity', fisher: 'mc' },
    ...{ damping: 0.01, dampingRule: 'relative' },
    ...{ factorInterval: 10, inverseInterval: 10, denseSteps: 20, factorDecay: 0.9 },
    ...own,
  };
}

/**
 * Settings that came after runs had been stored are left out where they say what those runs did without them: a repeat
 * of an old experiment still joins its group.
 */
function withoutLateDefaults(settings: object, defaults: Record<string, unknown>): object {
  const isSaid = ([name, value]: [string, unknown]) =>
    !(name in defaults) || canonicalJson(value) !== canonicalJson(defaults[name]);
  return Object.fromEntries(Object.entries(settings).filter(isSaid));
}

const lateModelDefaults = { pool: 'mean' };

const lateDefaults = {
  clipNorm: null,
  fisherSamples: 1,
  reduceConvention: 'meanA_sumG',
  maxFactorSide: 2048,
  embeddings: 'first-order',
  layers: [],
  dampingScale: 'absolute',
  dampingFloor: 0,
  dampingAdaptation: 'none',
  adaptationInterval: 5,
  adaptationDecay: 0.95,
  graft: null,
  momentumPlace: null,
  klClip: null,
  // Runs without a budget did in one step what this one does in one step, but for large nets.
  inversionBudget: 100,
  inversion: 'cholesky',
};

/** JSON with the keys of every object in code-unit order and `undefined` left out, so that equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    const sorted = Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(sorted);
  });
}

/** FNV-1a of the UTF-8 bytes of `text`, 16 hexadecimal digits. */
export function fnv1a64(text: string): string {
  const prime = 0x100000001b3n;
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * prime);
  }
  return hash.toString(16).padStart(16, '0');
}
