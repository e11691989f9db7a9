/**
 * How well a trained net explains its data, by Laplace's approximation with Kronecker factors (Immer et al. 2021, whose
 * factors Eschenhagen et al. 2023 also take in the reduce flavour). The posterior is a Gaussian around the trained
 * weights whose precision is, layer by layer,
 *
 *   c M (G (x) A) + delta I        with eigenvalues  c M g_i a_j + delta
 *
 * where G (x) A is K-FAC's block for the mean of M loss terms over the **whole** training set, c turns the loss into a
 * negative log likelihood, and delta is the precision of the prior N(0, 1/delta). Two decompositions per layer serve every
 * delta, noise and temperature. Parameters outside layers (norms, positions) are taken as known.
 */
import { KronlabError } from '../../../contract/errors.ts';

/** A layer as the evidence sees it: spectra of its factors and the length of its weights. */
export interface LaplaceLayer {
  readonly name: string;
  /** Eigenvalues of A and G, for every pair that the layer falls into (groups, wide factors); their sides tell how many numbers it holds. */
  readonly blocks: readonly { readonly a: ArrayLike<number>; readonly g: ArrayLike<number> }[];
  /** ||[W b]||^2 */
  readonly squaredNorm: number;
}

export interface LaplaceFit {
  /** M: loss terms of the training set. */
  readonly terms: number;
  /** Mean of the loss over them, in the units of training. */
  readonly meanLoss: number;
  readonly layers: readonly LaplaceLayer[];
}

/**
 * What the loss is the negative logarithm of. Cross-entropy is one up to `temperature` (default 1). The squared error, a
 * mean over `outputs`, is that of a normal distribution with standard deviation `noise` per output.
 */
export type Likelihood =
  | { kind: 'categorical'; temperature?: number }
  | { kind: 'gaussian'; outputs: number; noise: number; temperature?: number };

export interface Evidence {
  /** Of the data under the trained weights. A temperature divides the squared error but not the normal distribution's constant. */
  logLikelihood: number;
  /** Logarithm of the posterior precision's determinant, per layer. */
  logDeterminants: number[];
  /** Laplace's estimate of the log marginal likelihood. */
  logMarginal: number;
  /** Numbers of each layer that the data decide more than the prior: sum of c M g a / (c M g a + delta) (MacKay 1992). */
  effectiveParameters: number[];
  /** Derivatives of `logMarginal` by the logarithm of every layer's delta. */
  byLogPrecision: number[];
  /** By the logarithm of the noise; null where there is none. */
  byLogNoise: number | null;
}

/** log p(D) with one prior precision per layer. Throws for a setting that is not positive. */
export function evidence(fit: LaplaceFit, likelihood: Likelihood, precisions: ArrayLike<number>): Evidence {
  const { terms, meanLoss, layers } = fit;
  const c = lossScale(likelihood);
  const noise = likelihood.kind === 'gaussian' ? likelihood : null;
  const targets = noise ? terms * noise.outputs : 0;
  const constant = noise ? -targets * Math.log(noise.noise * Math.sqrt(2 * Math.PI)) : 0;
  const logLikelihood = constant - c * terms * meanLoss;
  const parts = layers.map((layer, i) => {
    const delta = positive(`prior precision of ${layer.name}`, precisions[i] ?? NaN);
    const { logDeterminant, effective, count } = posterior(layer, c * terms, delta);
    return {
      logDeterminant,
      effective,
      logMarginal: -0.5 * (logDeterminant - count * Math.log(delta) + delta * layer.squaredNorm),
      byLogPrecision: 0.5 * (effective - delta * layer.squaredNorm),
    };
  });
  const effectiveParameters = parts.map((part) => part.effective);
  return {
    logLikelihood,
    logDeterminants: parts.map((part) => part.logDeterminant),
    logMarginal: parts.reduce((sum, part) => sum + part.logMarginal, logLikelihood),
    effectiveParameters,
    byLogPrecision: parts.map((part) => part.byLogPrecision),
    // c goes with 1 / noise^2, in the likelihood as in the posterior precision.
    byLogNoise: noise
      ? effectiveParameters.reduce((sum, x) => sum + x, 2 * c * terms * meanLoss - targets)
      : null,
  };
}

/** A layer with weights of 0 would take any precision, the larger the better. */
const largestPrecision = 1e10;

/**
 * Prior precisions at which the evidence is largest, by MacKay's fixed point delta = effective parameters / ||[W b]||^2,
 * from `start` on until none changes by more than a part in 10^8, at most 1,000 times.
 */
export function choosePrecisions(fit: LaplaceFit, likelihood: Likelihood, start = 1): Float64Array {
  const precisions = new Float64Array(fit.layers.length).fill(start);
  for (let round = 0; round < 1000; round++) {
    const { effectiveParameters } = evidence(fit, likelihood, precisions);
    let change = 0;
    fit.layers.forEach(({ squaredNorm }, i) => {
      const next = Math.min(largestPrecision, (effectiveParameters[i] ?? NaN) / squaredNorm);
      change = Math.max(change, Math.abs(Math.log(next / (precisions[i] ?? NaN))));
      precisions[i] = next;
    });
    if (change < 1e-8) break;
  }
  return precisions;
}

/** c: what the mean loss times M has to be multiplied by to be a negative log likelihood, up to a constant. */
function lossScale(likelihood: Likelihood): number {
  const temperature = positive('temperature', likelihood.temperature ?? 1);
  if (likelihood.kind === 'categorical') return 1 / temperature;
  return likelihood.outputs / (2 * positive('noise', likelihood.noise) ** 2 * temperature);
}

function posterior({ blocks }: LaplaceLayer, scale: number, delta: number) {
  let [logDeterminant, effective, count] = [0, 0, 0];
  for (const { a, g } of blocks) {
    for (let i = 0; i < g.length; i++) {
      for (let j = 0; j < a.length; j++) {
        const curvature = scale * (g[i] ?? NaN) * (a[j] ?? NaN);
        logDeterminant += Math.log(curvature + delta);
        effective += curvature / (curvature + delta);
      }
    }
    count += a.length * g.length;
  }
  return { logDeterminant, effective, count };
}

function positive(what: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new KronlabError('invalid', `${what} is ${value}; it must be a positive number`);
}
