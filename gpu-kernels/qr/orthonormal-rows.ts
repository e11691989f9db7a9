/**
 * The orthonormal factor of S = Q R, batched, by Householder reflections: what one step of orthogonal iteration ends
 * with. Columns are stored as rows. Q is orthonormal to f32's rounding whatever S is, columns that depend on others
 * and columns of zeros included; Cholesky of S^T S would lose it there.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import formSource from './form-rows.wgsl';
import reflectSource from './reflect-rows.wgsl';

export interface OrthonormalRowsArguments {
  label: string;
  /** Side of every matrix, a multiple of 4. */
  n: number;
  batch: number;
  /** [batch, n, n] f32: row j is column j of S, finite; destroyed. */
  rows: Region;
  /** [batch, n, n] f32: row j is column j of Q, whose sign is arbitrary. Trailing rows and columns of zeros stay apart. */
  result: Region;
  scratch: (label: string, words: number) => Region;
}

/** Operations of one launch at most, so that it takes tens of milliseconds at a slow adapter's pace. */
const launchWork = 5e7;

/** Launches to run in order. Throws when the size or a region does not fit. */
export function orthonormalRows(gpu: GpuContext, args: OrthonormalRowsArguments): Dispatch[] {
  const { label, n, batch, rows, result, scratch } = args;
  if (!Number.isInteger(n) || n < 4 || n % 4 !== 0)
    throw new KronlabError('internal', `${label}: size ${n} must be a positive multiple of 4`);
  for (const [name, region] of [
    ['rows', rows],
    ['result', result],
  ] as const) {
    if (region.bytes >= batch * n * n * 4) continue;
    throw new KronlabError(
      'internal',
      `${label}: ${name} has ${region.bytes} bytes; ${batch} of size ${n} need ${batch * n * n * 4}`,
    );
  }
  const heads = scratch('heads of reflections', 2 * batch * n);
  const isSoftware = gpu.adapterClass === 'software';
  const code = expandTemplate(reflectSource, { T: isSoftware ? 4 : 64 });
  const reflections = slices(n, (k) => 4 * batch * (n - k) ** 2).map(({ first, last, flops }): Dispatch => ({
    label: `${label}: reflections from ${first}`,
    code,
    bindings: [
      { name: 'rows', type: 'array<vec4f>', region: rows, write: true },
      { name: 'heads', type: 'array<vec2f>', region: heads, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(n, first, last) },
    workgroups: [batch, 1, 1],
    flops,
  }));
  const threads = isSoftware ? 4 : 32;
  return [
    ...reflections,
    {
      label: `${label}: form`,
      code: expandTemplate(formSource, { T: threads }),
      bindings: [
        { name: 'rows', type: 'array<vec4f>', region: rows, write: false },
        { name: 'heads', type: 'array<vec2f>', region: heads, write: false },
        { name: 'result', type: 'array<vec4f>', region: result, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(n) },
      workgroups: [Math.ceil(n / threads), batch, 1],
      flops: 1.4 * batch * n ** 3,
    },
  ];
}

/** Reflections 0 to n - 1 cut where the work of a launch is reached. */
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
