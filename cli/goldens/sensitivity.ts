/**
 * How far a run can be followed in f32. The same program is run from a start moved by 1e-7, about f32's rounding, as in
 * the README's table. Where that alone takes the parameters a tenth of their tolerance away, the run is chaotic and a
 * comparison with float64 would say nothing about the engine. Until then what is made on the way to them (a preconditioned
 * gradient by nearly singular factors) may move further, and is granted ten times what it moves.
 */
import type { NetFixture, Tensor } from '../../goldens/fixture.ts';
import type { Check } from './checks.ts';
import { largest } from './comparison.ts';

const move = 1e-7;
/** Roundings of many steps and operations do what a moved start does, several times over. */
const granted = 10;

/** The fixture with every parameter moved by 1e-7 of its value, up and down in turn. */
export function withMovedStart(net: NetFixture): NetFixture {
  const moved = ({ shape, data }: Tensor): Tensor => ({
    shape,
    data: data.map((value, i) => value * (i % 2 === 0 ? 1 + move : 1 - move)),
  });
  const params = Object.entries(net.params).map(([name, tensor]) => [name, moved(tensor)] as const);
  return { ...net, params: Object.fromEntries(params) };
}

/** The checks of one step, with what a moved start says of them. */
export interface FollowedChecks {
  checks: Check[];
  /** Whether the run has left what f32 can follow. */
  isChaotic: boolean;
}

/** `numbers` and `moved`: the arrays of both runs, one for every check. */
export function follow(
  checks: readonly Check[],
  numbers: readonly Float32Array[],
  moved: readonly Float32Array[],
): FollowedChecks {
  let isChaotic = false;
  const followed = checks.map((check, i): Check => {
    const { quantity, tolerance, expected, scale = largest(expected) } = check;
    const difference = numbers[i]?.map((value, at) => value - (moved[i]?.[at] ?? Number.NaN)) ?? [];
    const movement = largest(difference) / scale;
    if (quantity !== 'params') return { ...check, tolerance: Math.max(tolerance, granted * movement) };
    isChaotic ||= !(granted * movement <= tolerance);
    return check;
  });
  return { checks: followed, isChaotic };
}
