/** The geometry of a ratio with its interval on a log axis around 1, the same axis for a whole column. */
import { makeScale, type Domain } from './scales.ts';

export interface Interval {
  low: number;
  high: number;
}

export interface RatioLayout {
  ticks: { x: number; text: string; centre: boolean }[];
  /** Null when there is no ratio or it is not finite. */
  dot: number | null;
  /** Ends of the interval; a cut end runs past the axis and has no stop. */
  bar: { from: number; to: number; cutLow: boolean; cutHigh: boolean } | null;
}

/** A symmetric log domain around 1 that holds every finite ratio: at least 1/2.76 to 2.76, at most 1/64 to 64. */
export function ratioDomain(ratios: readonly number[]): Domain {
  const reach = Math.max(
    2.76,
    ...ratios.filter((r) => Number.isFinite(r) && r > 0).map((r) => Math.max(r, 1 / r) * 1.25),
  );
  const end = Math.min(64, reach);
  return [1 / end, end];
}

/** Everything to draw, x in units of `width`. */
export function layoutRatio(
  ratio: number | null,
  interval: Interval | null,
  domain: Domain,
  width: number,
): RatioLayout {
  const scale = makeScale(domain, [0, width], true);
  const clamp = (value: number) => scale.at(Math.min(domain[1], Math.max(domain[0], value)));
  return {
    ticks: ratioTicks(domain).map((value) => ({
      x: scale.at(value),
      text: ratioTickText(value),
      centre: value === 1,
    })),
    dot: ratio === null || !Number.isFinite(ratio) || ratio <= 0 ? null : clamp(ratio),
    bar:
      interval === null
        ? null
        : {
            from: clamp(interval.low),
            to: clamp(interval.high),
            cutLow: interval.low < domain[0],
            cutHigh: interval.high > domain[1],
          },
  };
}

function ratioTicks(domain: Domain): number[] {
  const side = [2, 4, 8, 16, 32].filter((v) => v <= domain[1] * 0.95);
  const kept = side.length <= 2 ? side : side.filter((_, i) => i % 2 === (side.length - 1) % 2);
  return [...kept.map((v) => 1 / v).reverse(), 1, ...kept];
}

function ratioTickText(value: number): string {
  if (value >= 1) return String(value);
  const names: Record<number, string> = { 2: '½', 4: '¼', 8: '⅛' };
  return names[Math.round(1 / value)] ?? `1/${Math.round(1 / value)}`;
}
