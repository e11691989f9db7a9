/**
 * Newton-Schulz steps X <- X (2 I - A X) for batches of symmetric positive definite matrices: one behind an inversion,
 * or two from an inverse of a matrix nearby, in the place of one. With R = I - A X the residual after a step is R^2 in
 * exact arithmetic. In f32 the rounding of A X comes back multiplied by X, so that a step may also do harm: what a step
 * has come to is measured on the GPU and decided there per matrix, and nothing is read back.
 */
import { floatBits, type Dispatch } from '../dispatch.ts';
import { matmulLaunches } from '../matmul/matmul.ts';
import type { Region, Scratch } from '../region.ts';
import { expandTemplate } from '../template.ts';
import judgeSource from './judge-residual.wgsl';
import sumsSource from './residual-sums.wgsl';
import symmetriseSource from './symmetrise.wgsl';
import takeSource from './take-accepted.wgsl';

interface Batch {
  label: string;
  /** Padded size of every matrix, a multiple of `spdBlock`. */
  n: number;
  batch: number;
  /** [batch, n, n] f32, both triangles: A, scaled and damped as for `spdInverse`. */
  matrices: Region;
}

export interface PolishArguments extends Batch {
  /** [batch, n, n] f32, bit-exactly symmetric: X, then the better of X and the polished X. */
  inverse: Region;
}

export interface WarmStartArguments extends Batch {
  /** [batch, n, n] f32: where to start, then A^-1, bit-exactly symmetric, where `accepted` is 1; elsewhere undefined. */
  inverse: Region;
  /** u32 [batch]: 1 where the residual |I - A X| is below `mostResidual`, else 0. Written by every replay. */
  accepted: Region;
}

/**
 * The Frobenius norm of I - A X from which on X does not count as an inverse. It bounds the spectral norm, and
 * A^1/2 X A^1/2 has the eigenvalues of A X: a symmetric X below it is positive definite, and within one per cent of
 * A^-1 in every direction.
 */
export const mostResidual = 0.01;

/** One step behind an inversion, kept for every matrix whose measured residual it makes smaller. */
export function polish(lowering: Scratch, args: PolishArguments): Dispatch[] {
  const { label, n, batch, inverse } = args;
  const product = lowering.scratch(`${label}: A X`, batch * n * n);
  const candidate = lowering.scratch(`${label}: polished`, batch * n * n);
  const before = lowering.scratch(`${label}: residual before`, (batch * n) / 4);
  const after = lowering.scratch(`${label}: residual after`, (batch * n) / 4);
  const accepted = lowering.scratch(`${label}: accepted`, batch);
  return [
    ...multiply(lowering, args, inverse, product),
    residual(args, product, before),
    ...step(lowering, args, { from: inverse, product, to: candidate }),
    symmetrise(args, candidate),
    ...multiply(lowering, args, candidate, product),
    residual(args, product, after),
    judge(args, { sums: after, before }, accepted),
    takeAccepted(args, { candidate, accepted, inverse }),
  ];
}

/** Two steps from what `inverse` holds: matrices accepted afterwards need no inversion. */
export function warmStart(lowering: Scratch, args: WarmStartArguments): Dispatch[] {
  const { label, n, batch, inverse, accepted } = args;
  const product = lowering.scratch(`${label}: A X`, batch * n * n);
  const halfway = lowering.scratch(`${label}: after one step`, batch * n * n);
  const sums = lowering.scratch(`${label}: residual`, (batch * n) / 4);
  return [
    ...multiply(lowering, args, inverse, product),
    ...step(lowering, args, { from: inverse, product, to: halfway }),
    ...multiply(lowering, args, halfway, product),
    ...step(lowering, args, { from: halfway, product, to: inverse }),
    symmetrise(args, inverse),
    ...multiply(lowering, args, inverse, product),
    residual(args, product, sums),
    judge(args, { sums }, accepted),
  ];
}

/** product = A X */
function multiply(lowering: Scratch, args: Batch, x: Region, product: Region): Dispatch[] {
  const { label, n, batch, matrices } = args;
  return matmulLaunches(lowering, {
    label: `${label}: A X`,
    ...{ a: matrices, b: x, c: product, m: n, n, k: n, batch },
  });
}

/** to = 2 X - X (A X) */
function step(
  lowering: Scratch,
  { label, n, batch }: Batch,
  { from, product, to }: { from: Region; product: Region; to: Region },
): Dispatch[] {
  const c = {
    code: 'fn C_set(i: u32, value: vec4f) { C[i] = 2.0 * old[i] - value; }',
    bindings: [
      { name: 'C', type: 'array<vec4f>', region: to, write: true },
      { name: 'old', type: 'array<vec4f>', region: from, write: false },
    ],
  };
  return matmulLaunches(lowering, {
    label: `${label}: X (2 I - A X)`,
    ...{ a: from, b: product, c, m: n, n, k: n, batch },
  });
}

/** sums [batch, n / 4]: squares of product - I, added up by columns. */
function residual({ label, n, batch }: Batch, product: Region, sums: Region): Dispatch {
  return {
    label: `${label}: residual`,
    code: sumsSource,
    bindings: [
      { name: 'product', type: 'array<vec4f>', region: product, write: false },
      { name: 'sums', type: 'array<f32>', region: sums, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(n) },
    workgroups: [Math.ceil(n / 64), batch, 1],
    flops: 3 * batch * n * n,
  };
}

/** accepted = whether the residual is smaller than the one before, where there is one, or else than `mostResidual`. */
function judge(
  { label, n, batch }: Batch,
  { sums, before }: { sums: Region; before?: Region },
  accepted: Region,
): Dispatch {
  const most = before ? Infinity : mostResidual ** 2;
  return {
    label: `${label}: judge residual`,
    code: expandTemplate(judgeSource, { COMPARED: before !== undefined }),
    bindings: [
      { name: 'sums', type: 'array<f32>', region: sums, write: false },
      ...(before ? [{ name: 'before', type: 'array<f32>', region: before, write: false }] : []),
      { name: 'accepted', type: 'array<u32>', region: accepted, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(batch, n / 4, floatBits(most)) },
    workgroups: [Math.ceil(batch / 16), 1, 1],
    flops: (batch * n) / 4,
  };
}

/** X = (X + X^T) / 2 */
function symmetrise({ label, n, batch }: Batch, x: Region): Dispatch {
  return {
    label: `${label}: symmetrise`,
    code: symmetriseSource,
    bindings: [{ name: 'X', type: 'array<f32>', region: x, write: true }],
    params: { type: 'Params', data: Uint32Array.of(n) },
    workgroups: [(n * n) / 64, batch, 1],
    flops: batch * n * n,
  };
}

function takeAccepted(
  { label, n, batch }: Batch,
  { candidate, accepted, inverse }: Record<'candidate' | 'accepted' | 'inverse', Region>,
): Dispatch {
  return {
    label: `${label}: take`,
    code: takeSource,
    bindings: [
      { name: 'candidate', type: 'array<vec4f>', region: candidate, write: false },
      { name: 'accepted', type: 'array<u32>', region: accepted, write: false },
      { name: 'inverse', type: 'array<vec4f>', region: inverse, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of((n * n) / 4) },
    workgroups: [(n * n) / 256, batch, 1],
    flops: 0,
  };
}
