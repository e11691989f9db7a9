/** The geometry of a sparkline: one thin line in a fixed box, on a scale that its whole column shares. */
import { line } from 'd3-shape';
import { makeScale, type Domain } from './scales.ts';

export interface SparklineLayout {
  line: string;
  /** The last point, or null without any finite value. */
  end: { x: number; y: number } | null;
}

/** Values outside `domain` are left out, as in the chart they summarise. Size in px. */
export function layoutSparkline(
  values: readonly number[],
  domain: Domain,
  width: number,
  height: number,
): SparklineLayout {
  const y = makeScale(domain, [height - 2, 3], false);
  const x = (i: number) => 2 + (i / Math.max(1, values.length - 1)) * (width - 6);
  const visible = (v: number | undefined): v is number =>
    v !== undefined && Number.isFinite(v) && v >= domain[0] && v <= domain[1];
  const indices = values.map((_, i) => i);
  const path = line<number>()
    .defined((i) => visible(values[i]))
    .x(x)
    .y((i) => y.at(values[i]!))
    .digits(1)(indices);
  const last = indices.findLast((i) => visible(values[i]));
  return { line: path ?? '', end: last === undefined ? null : { x: x(last), y: y.at(values[last]!) } };
}
