/**
 * How far a run can be followed in f32. The same program is run from a start moved by 1e-7, about f32's rounding, as in
 * the README's table: where that alone takes the parameters a tenth of the tolerance away, the run is chaotic and a
 * comparison with float64 would say nothing about the engine.
 */
import type { NetFixture, Tensor } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import type { Parameters } from '../../training/program/parameters.ts';
import { largest } from './comparison.ts';

const move = 1e-7;
/** Share of the tolerance that a moved start may use up. */
export const chaosShare = 0.1;

/** The fixture with every parameter moved by 1e-7 of its value, up and down in turn. */
export function withMovedStart(net: NetFixture): NetFixture {
  const moved = ({ shape, data }: Tensor): Tensor => ({
    shape,
    data: data.map((value, i) => value * (i % 2 === 0 ? 1 + move : 1 - move)),
  });
  const params = Object.entries(net.params).map(([name, tensor]) => [name, moved(tensor)] as const);
  return { ...net, params: Object.fromEntries(params) };
}

/** Largest difference of two sets of parameters over the largest parameter. */
export async function distance(scope: GpuContext, a: Parameters, b: Parameters): Promise<number> {
  const [first, second] = await readRegions(scope, [a.arena, b.arena]);
  const values = new Float32Array(first ?? new ArrayBuffer(0));
  const others = new Float32Array(second ?? new ArrayBuffer(0));
  return largest(values.map((value, i) => value - (others[i] ?? Number.NaN))) / largest(values);
}
