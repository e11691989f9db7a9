/** The one kernel of slices, padding and concatenation: rows of one tensor put at a place within rows of another. */
import type { Access, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Tensor, type Unit } from '../graph.ts';
import source from './place-rows.wgsl';

/** Where x meets y, in steps along the axis. All other axes are equal. */
export interface Placement {
  axis: number;
  /** The part of y that is written. */
  first: number;
  length: number;
  /** Where x starts, counted from `first`; negative where y starts within x. What x does not reach is zeros. */
  before: number;
}

/** How many numbers at a time these tensors can be read and written. */
export function placementUnit(y: Tensor, placements: readonly { x: Tensor; place: Placement }[]): Unit {
  const quads = placements.every(({ x, place }) => {
    const step = size(x.shape.slice(place.axis + 1));
    const ends = [place.first, place.length, place.before].map((n) => n * step);
    return [lastAxis(x), lastAxis(y), ...ends].every((n) => n % 4 === 0);
  });
  return quads ? 4 : 1;
}

/** `write` is y's, `unit` what both can be accessed by. */
export function placeRows(
  lowering: Lowering,
  label: string,
  x: Tensor,
  y: Tensor,
  place: Placement,
  unit: Unit,
  write: Access,
): Dispatch {
  const step = size(x.shape.slice(place.axis + 1));
  const units = (along: number) => (along * step) / unit;
  const outer = size(x.shape.slice(0, place.axis));
  const count = outer * units(place.length);
  const grid = linearGrid(count, 64);
  const read = lowering.reader('x', x, unit);
  const template = expandTemplate(source, { TYPE: typeName(x, unit), ROW: grid.row });
  const [inLength, outLength] = [units(x.shape[place.axis] ?? 1), units(y.shape[place.axis] ?? 1)];
  const ends = [units(place.length), units(place.first), units(place.before)];
  return {
    label,
    code: [read.code, write.code, template].join('\n'),
    bindings: [...read.bindings, ...write.bindings],
    params: { type: 'Params', data: Uint32Array.of(count, inLength, outLength, ...ends) },
    workgroups: grid.workgroups,
    flops: 0,
  };
}

function typeName(tensor: Tensor, unit: Unit): string {
  if (unit === 1) return tensor.type;
  return tensor.type === 'f32' ? 'vec4f' : 'vec4u';
}
