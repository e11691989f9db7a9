/**
 * Eigenvalues and eigenvectors of symmetric matrices, batched: the bases in which K-FAC damps exactly, EKFAC corrects
 * its scales and SOAP runs Adam. Householder reflections to tridiagonal form, implicit QL steps on that, and both
 * applied to the identity. About 9 n^3 operations, as many as one sweep of Jacobi's method, which needs six to ten; one
 * sweep after turning the matrix into an old basis costs more than starting anew, so there is no warm start.
 *
 * Long launches are cut by work, so that no single one keeps the device from others.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../device.ts';
import type { Binding, Dispatch } from '../dispatch.ts';
import type { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import reflectionsSource from './apply-reflections.wgsl';
import applySource from './apply-rotations.wgsl';
import normaliseSource from './normalise.wgsl';
import largestSource from '../reduce/largest.wgsl';
import prepareSource from './prepare.wgsl';
import rotationsSource from './rotations.wgsl';
import tridiagonaliseSource from './tridiagonalise.wgsl';

export interface SymmetricEigenArguments {
  label: string;
  /**
   * Side of every matrix, a multiple of 4. Rows and columns of zeros at the end (padding) stay apart from the rest: the
   * rows of the eigenvectors with the same numbers are theirs, with eigenvalue 0.
   */
  n: number;
  /** How many matrices. */
  batch: number;
  /** [batch, n, n] f32, symmetric, both triangles; destroyed. */
  matrices: Region;
  /** [batch, n, n] f32: **row** j of a matrix is the eigenvector of `values[j]`, so this is Q^T with A = Q L Q^T. */
  vectors: Region;
  /** [batch, n] f32, in no order. */
  values: Region;
  /**
   * u32 [batch], see `eigenStatus`; written by every replay. Where it is not `converged`, values and vectors are finite
   * but not a decomposition (an orthonormal basis all the same).
   */
  status: Region;
  scratch: (label: string, words: number) => Region;
}

export const eigenStatus = { converged: 0, notFinite: 1, notConverged: 2 } as const;

/** Operations of one launch at most, so that it takes tens of milliseconds at a slow adapter's pace. */
const launchWork = 5e7;

/**
 * A = Q L Q^T of every matrix of the batch, as launches to run in order: residual and orthogonality are those of f32
 * arithmetic, below 1e-5 of the largest eigenvalue up to n of about 1,000. Small eigenvalues are exact to that, not
 * relatively; those of a semidefinite matrix may come out slightly negative. Deterministic. Throws when a size or a
 * region does not fit.
 */
export function symmetricEigen(gpu: GpuContext, args: SymmetricEigenArguments): Dispatch[] {
  check(args);
  const memory = reserve(args);
  return [
    ...tridiagonal(gpu, args, memory),
    eigenvalues(gpu, args, memory),
    ...reflections(gpu, args),
    ...rotations(gpu, args, memory),
    normalise(gpu, args),
  ];
}

function check(args: SymmetricEigenArguments): void {
  const { label, n, batch } = args;
  if (!Number.isInteger(n) || n < 4 || n % 4 !== 0) {
    throw new KronlabError('internal', `${label}: size ${n} must be a positive multiple of 4`);
  }
  if (!Number.isInteger(batch) || batch < 1) {
    throw new KronlabError('internal', `${label}: ${batch} matrices; at least 1 is needed`);
  }
  const needed = [
    ['matrices', args.matrices, batch * n * n],
    ['vectors', args.vectors, batch * n * n],
    ['values', args.values, batch * n],
    ['status', args.status, batch],
  ] as const;
  for (const [name, region, words] of needed) {
    if (region.bytes >= words * 4) continue;
    throw new KronlabError(
      'internal',
      `${label}: ${name} has ${region.bytes} bytes; ${batch} of size ${n} need ${words * 4}`,
    );
  }
}

interface Memory {
  /** Groups of four sweeps of rotations that one matrix may need. */
  groups: number;
  update: Region;
  product: Region;
  offDiagonal: Region;
  scales: Region;
  rotations: Region;
  sweeps: Region;
  counts: Region;
}

function reserve({ n, batch, scratch }: SymmetricEigenArguments): Memory {
  // An eigenvalue takes 1.3 to 1.7 steps; few at small sizes may take more.
  const groups = Math.ceil((5 * n) / 8) + 10;
  return {
    groups,
    update: scratch('reflection updates', batch * n),
    product: scratch('reflection products', batch * n),
    offDiagonal: scratch('off-diagonals', batch * n),
    scales: scratch('matrix scales', batch),
    rotations: scratch('rotations', 8 * batch * groups * (n + 4)),
    sweeps: scratch('sweeps of rotations', 8 * batch * groups),
    counts: scratch('counts of groups', batch),
  };
}

/** A software adapter runs a workgroup on one core, its lanes in step; a GPU wants many threads. */
function reducingTemplate(gpu: GpuContext, source: string): string {
  const lanes = gpu.adapterClass === 'software' && gpu.fourLaneSubgroups;
  return expandTemplate(source, { LANES: lanes, T: lanes ? 4 : 64 });
}

const columnThreads = (gpu: GpuContext): number => (gpu.adapterClass === 'software' ? 4 : 16);

const bind = (name: string, type: string, region: Region, write: boolean): Binding => ({
  name,
  type,
  region,
  write,
});

function tridiagonal(gpu: GpuContext, args: SymmetricEigenArguments, memory: Memory): Dispatch[] {
  const { n, batch } = args;
  const matrices = bind('M', 'array<vec4f>', args.matrices, true);
  const update = bind('W', 'array<vec4f>', memory.update, true);
  const prepare: Dispatch = {
    label: `${args.label}: prepare`,
    code: reducingTemplate(gpu, [largestSource, prepareSource].join('\n')),
    bindings: [
      matrices,
      update,
      bind('scales', 'array<f32>', memory.scales, true),
      bind('status', 'array<u32>', args.status, true),
    ],
    params: { type: 'Params', data: Uint32Array.of(n) },
    workgroups: [batch, 1, 1],
    flops: batch * n * n,
  };
  const code = reducingTemplate(gpu, tridiagonaliseSource);
  const steps = slices(n, (k) => 6 * batch * (n - k) ** 2).map(({ first, last, flops }): Dispatch => ({
    label: `${args.label}: tridiagonalise from ${first}`,
    code,
    bindings: [
      matrices,
      update,
      bind('P', 'array<vec4f>', memory.product, true),
      bind('values', 'array<f32>', args.values, true),
      bind('offDiagonal', 'array<f32>', memory.offDiagonal, true),
    ],
    params: { type: 'Params', data: Uint32Array.of(n, first, last) },
    workgroups: [batch, 1, 1],
    flops,
  }));
  return [prepare, ...steps];
}

function eigenvalues(gpu: GpuContext, args: SymmetricEigenArguments, memory: Memory): Dispatch {
  const { n, batch } = args;
  const threads = gpu.adapterClass === 'software' ? 4 : 1;
  return {
    label: `${args.label}: eigenvalues`,
    code: expandTemplate(rotationsSource, { T: threads }),
    bindings: [
      bind('values', 'array<f32>', args.values, true),
      bind('offDiagonal', 'array<f32>', memory.offDiagonal, true),
      bind('rotations', 'array<vec2f>', memory.rotations, true),
      bind('sweeps', 'array<vec4<u32>>', memory.sweeps, true),
      bind('counts', 'array<u32>', memory.counts, true),
      bind('scales', 'array<f32>', memory.scales, false),
      bind('status', 'array<u32>', args.status, true),
    ],
    params: { type: 'Params', data: Uint32Array.of(n, batch, memory.groups) },
    workgroups: [Math.ceil(batch / threads), 1, 1],
    flops: 20 * batch * n * n,
  };
}

function reflections(gpu: GpuContext, args: SymmetricEigenArguments): Dispatch[] {
  const { n, batch } = args;
  const threads = columnThreads(gpu);
  const code = expandTemplate(reflectionsSource, { T: threads });
  return slices(n, (k) => 4 * batch * n * (n - k)).map(({ first, last, flops }) => ({
    label: `${args.label}: reflections from ${first}`,
    code,
    bindings: [
      bind('M', 'array<vec4f>', args.matrices, false),
      bind('vectors', 'array<vec4f>', args.vectors, true),
    ],
    params: { type: 'Params', data: Uint32Array.of(n, first, last) },
    workgroups: [Math.ceil(n / (4 * threads)), batch, 1],
    flops,
  }));
}

function rotations(gpu: GpuContext, args: SymmetricEigenArguments, memory: Memory): Dispatch[] {
  const { n, batch } = args;
  const threads = columnThreads(gpu);
  const flops = 5 * batch * n ** 3;
  const parts = Math.ceil(flops / launchWork);
  const code = expandTemplate(applySource, { T: threads });
  return Array.from({ length: parts }, (_, part) => ({
    label: `${args.label}: rotations, part ${part}`,
    code,
    bindings: [
      bind('rotations', 'array<vec4f>', memory.rotations, false),
      bind('sweeps', 'array<vec4<u32>>', memory.sweeps, false),
      bind('counts', 'array<u32>', memory.counts, false),
      bind('vectors', 'array<vec4f>', args.vectors, true),
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(n, memory.groups, part, parts),
    },
    workgroups: [Math.ceil(n / (4 * threads)), batch, 1],
    flops: flops / parts,
  }));
}

function normalise(gpu: GpuContext, { label, n, batch, vectors }: SymmetricEigenArguments): Dispatch {
  const threads = columnThreads(gpu);
  return {
    label: `${label}: normalise`,
    code: expandTemplate(normaliseSource, { T: threads }),
    bindings: [bind('vectors', 'array<vec4f>', vectors, true)],
    params: { type: 'Params', data: Uint32Array.of(n) },
    workgroups: [Math.ceil(n / threads), batch, 1],
    flops: 3 * batch * n * n,
  };
}

/** Steps 0 to n - 1 cut where the work of a launch is reached. */
function slices(n: number, work: (k: number) => number): { first: number; last: number; flops: number }[] {
  const cut: { first: number; last: number; flops: number }[] = [];
  let [first, flops] = [0, 0];
  for (let k = 0; k < n; k++) {
    flops += work(k);
    if (flops < launchWork && k + 1 < n) continue;
    cut.push({ first, last: k + 1, flops });
    [first, flops] = [k + 1, 0];
  }
  return cut;
}
