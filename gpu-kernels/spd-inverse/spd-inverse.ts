/**
 * Inverses of symmetric positive definite matrices, batched: what turns damped Kronecker factors into a
 * preconditioner. Blocked Cholesky with 32 x 32 blocks, worked out in place: while the factor L is eliminated block
 * column by block column (A = L L^T), the same row operations are applied to the identity, whose part of the result,
 * L^-T, grows in the upper triangle that the symmetric input leaves free. A^-1 = L^-T L^-1 is then one product of
 * rows with rows. WebGPU has no barrier across a grid, so every dependency is a launch; sizes are parameters, so all
 * matrix sizes share four pipelines.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../device.ts';
import type { Binding, Dispatch } from '../dispatch.ts';
import type { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import factorLanesSource from './factor-block-lanes.wgsl';
import factorSource from './factor-block.wgsl';
import productsSource from './row-products.wgsl';
import panelSource from './scale-panel.wgsl';

/** Sizes must be multiples of this; pad with the identity, whose rows and columns pass through unchanged. */
export const spdBlock = 32;

export interface SpdInverseArguments {
  label: string;
  /** Padded size of every matrix, a multiple of `spdBlock`. */
  n: number;
  /** How many matrices. */
  batch: number;
  /**
   * [batch, n, n] f32; only the lower triangle is read; destroyed. The caller has scaled rows and columns so that the
   * diagonal is about 1, and has damped: in f32 the error grows with the condition number.
   */
  matrices: Region;
  /**
   * [batch, n, n] f32, both triangles, bit-exactly symmetric. Where `status` is not 0 the content is undefined and may
   * be NaN: choose with `select`, never by multiplying with 0.
   */
  inverse: Region;
  /** u32 [batch]: 0, or k + 1 when pivot k was the first that was not positive or not finite. Written by every replay. */
  status: Region;
  /**
   * u32 [batch], in a buffer that holds nothing else of these: matrices where it is not 0 need no inverse. Their status is
   * 0, and `inverse` keeps what it holds.
   */
  skip?: Region;
}

/** A^-1 of every matrix of the batch, as launches to run in order. Throws when a size or a region does not fit. */
export function spdInverse(gpu: GpuContext, args: SpdInverseArguments): Dispatch[] {
  check(args);
  const blocks = args.n / spdBlock;
  const kernels = kernelsFor(gpu, args.skip !== undefined);
  const launches: Dispatch[] = [];
  for (let k = 0; k < blocks; k++) {
    launches.push(factorBlock(kernels, args, k));
    if (blocks > 1) launches.push(scalePanel(kernels, args, k, blocks));
    if (k + 1 < blocks) launches.push(update(kernels, args, k, blocks));
  }
  launches.push(product(kernels, args, blocks));
  return launches;
}

function check(args: SpdInverseArguments): void {
  const { label, n, batch } = args;
  if (!Number.isInteger(n) || n < spdBlock || n % spdBlock !== 0) {
    throw new KronlabError('internal', `${label}: size ${n} must be a positive multiple of ${spdBlock}`);
  }
  if (!Number.isInteger(batch) || batch < 1) {
    throw new KronlabError('internal', `${label}: ${batch} matrices; at least 1 is needed`);
  }
  const needed = [
    ['matrices', args.matrices, batch * n * n],
    ['inverse', args.inverse, batch * n * n],
    ['status', args.status, batch],
    ...(args.skip ? [['skip', args.skip, batch] as const] : []),
  ] as const;
  for (const [name, region, words] of needed) {
    if (region.bytes >= words * 4) continue;
    throw new KronlabError(
      'internal',
      `${label}: ${name} has ${region.bytes} bytes; ${batch} of size ${n} need ${words * 4}`,
    );
  }
}

interface Kernels {
  factor: string;
  panel: string;
  update: string;
  product: string;
}

/**
 * A software adapter wants large register tiles, which save loads, each a four-lane gather; a GPU wants many threads.
 * One workgroup always makes one block.
 */
function kernelsFor(gpu: GpuContext, SKIP: boolean): Kernels {
  const software = gpu.adapterClass === 'software';
  const tile = software ? { TM: 8, TN: 4, LANES: gpu.fourLaneSubgroups } : { TM: 4, TN: 4, LANES: false };
  return {
    factor: expandTemplate(gpu.fourLaneSubgroups ? factorLanesSource : factorSource, { SKIP }),
    panel: expandTemplate(panelSource, { ROWS: software ? 4 : 1, SKIP }),
    update: expandTemplate(productsSource, { ...tile, UPDATE: true, SKIP }),
    product: expandTemplate(productsSource, { ...tile, UPDATE: false, SKIP }),
  };
}

function matricesBindings({ matrices, skip }: SpdInverseArguments, write: boolean): Binding[] {
  return [
    { name: 'M', type: 'array<vec4f>', region: matrices, write },
    ...(skip ? [{ name: 'skip', type: 'array<u32>', region: skip, write: false }] : []),
  ];
}

function paramsOf(args: SpdInverseArguments, k: number): { type: string; data: Uint32Array } {
  return { type: 'Params', data: Uint32Array.of(args.n, k) };
}

function factorBlock(kernels: Kernels, args: SpdInverseArguments, k: number): Dispatch {
  return {
    label: `${args.label}: factor block ${k}`,
    code: kernels.factor,
    bindings: [
      ...matricesBindings(args, true),
      { name: 'status', type: 'array<u32>', region: args.status, write: true },
    ],
    params: paramsOf(args, k),
    workgroups: [args.batch, 1, 1],
    flops: args.batch * spdBlock ** 3,
  };
}

function scalePanel(kernels: Kernels, args: SpdInverseArguments, k: number, blocks: number): Dispatch {
  return {
    label: `${args.label}: scale panel ${k}`,
    code: kernels.panel,
    bindings: matricesBindings(args, true),
    params: paramsOf(args, k),
    workgroups: [blocks - 1, 1, args.batch],
    flops: args.batch * (blocks - 1) * spdBlock ** 3,
  };
}

function update(kernels: Kernels, args: SpdInverseArguments, k: number, blocks: number): Dispatch {
  const columns = blocks - k - 1;
  const changed = (columns * (columns + 1)) / 2 + columns * (k + 1);
  return {
    label: `${args.label}: eliminate block ${k}`,
    code: kernels.update,
    bindings: matricesBindings(args, true),
    params: paramsOf(args, k),
    workgroups: [columns, blocks, args.batch],
    flops: args.batch * changed * 2 * spdBlock ** 3,
  };
}

function product(kernels: Kernels, args: SpdInverseArguments, blocks: number): Dispatch {
  // Block row a has a + 1 blocks, each summed over blocks - a blocks of the factor.
  const blockProducts = (blocks * (blocks + 1) * (blocks + 2)) / 6;
  return {
    label: `${args.label}: product`,
    code: kernels.product,
    bindings: [
      ...matricesBindings(args, false),
      { name: 'inverse', type: 'array<vec4f>', region: args.inverse, write: true },
    ],
    params: paramsOf(args, 0),
    workgroups: [blocks, blocks, args.batch],
    flops: args.batch * blockProducts * 2 * spdBlock ** 3,
  };
}
