/**
 * Axes as pure functions of data and size: which part of the values is shown, where the ticks stand and what they
 * say. Axes grow in whole ticks, so that a live chart never slides. No DOM: the window and the SVG export share it.
 */
import { quantileSorted } from 'd3-array';
import { scaleLinear, scaleLog } from 'd3-scale';
import { formatCount, formatTimeTick } from './format.ts';

export type Domain = readonly [number, number];

/** Maps a value to a position in px and back. */
export interface Scale {
  readonly domain: Domain;
  readonly log: boolean;
  at(value: number): number;
  invert(position: number): number;
}

export interface Tick {
  value: number;
  text: string;
}

/** A linear or logarithmic scale from `domain` to `range` (px). On a log scale, values of 0 or below have no position. */
export function makeScale(domain: Domain, range: Domain, log: boolean): Scale {
  const scale = log ? scaleLog(domain, range) : scaleLinear(domain, range);
  return {
    domain,
    log,
    at: (value) => (log && value <= 0 ? NaN : scale(value)),
    invert: (position) => scale.invert(position),
  };
}

/** Round values inside `domain`, about `count` of them; on a log axis powers of ten, and 2 and 5 between if there is room. */
export function valueTicks(domain: Domain, count: number, log: boolean): Tick[] {
  if (!log) {
    const scale = scaleLinear(domain, [0, 1]);
    const format = plainFormat(scale.ticks(count));
    return scale.ticks(count).map((value) => ({ value, text: format(value) }));
  }
  const all = scaleLog(domain, [0, 1]).ticks(100);
  const mantissa = (v: number) => Number((v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toFixed(6));
  for (const allowed of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
    const kept = all.filter((v) => allowed.includes(mantissa(v)));
    if (kept.length <= Math.max(count, 3) && kept.length >= 2)
      return kept.map((value) => ({ value, text: logText(value) }));
  }
  const ends = all.length > 1 ? [all[0]!, all[all.length - 1]!] : [domain[0], domain[1]];
  return ends.map((value) => ({ value, text: logText(value) }));
}

/** Ticks of a step axis: whole numbers only. */
export function stepTicks(domain: Domain, count: number): Tick[] {
  return scaleLinear(domain, [0, 1])
    .ticks(count)
    .filter((value) => Number.isInteger(value))
    .map((value) => ({ value, text: formatCount(value) }));
}

const TIME_STEPS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400,
  28800, 86400,
];

/** Seconds between two ticks of a time axis, so that a span shows at most `count` intervals. */
export function timeTickStep(span: number, count: number): number {
  return TIME_STEPS.find((step) => span / step <= count) ?? Math.ceil(span / count / 86400) * 86400;
}

/** Ticks of a time axis in seconds, at steps people count in (1, 2, 5, 10, 15, 30 s; 1, 2, 3, 5 min; ...). */
export function timeTicks(domain: Domain, count: number): Tick[] {
  const step = timeTickStep(domain[1] - domain[0], count);
  const ticks: Tick[] = [];
  for (let i = Math.ceil(domain[0] / step - 1e-9); i * step <= domain[1] + step * 1e-9; i++) {
    const value = Number((i * step).toPrecision(12));
    ticks.push({ value, text: formatTimeTick(value) });
  }
  return ticks;
}

/** `[0, end]` with the end rounded up to a tick, so that a growing run moves the axis only now and then. */
export function horizontalDomain(largest: number, kind: 'step' | 'time'): Domain {
  if (!(largest > 0)) return [0, 1];
  if (kind === 'time') {
    const step = timeTickStep(largest, 7);
    return [0, Math.ceil(largest / step - 1e-9) * step];
  }
  const [, end] = scaleLinear([0, largest], [0, 1]).nice(6).domain();
  return [0, end ?? largest];
}

/**
 * The part of the values worth looking at. A curve that learns spends its first evaluations far from where the
 * comparison is decided, so the bad end is cut at the 15th percentile (shown clipped, never dropped from statistics);
 * the good end, the target and what lies near it are always inside. Rounded outwards to ticks.
 */
export function focusDomain(
  values: readonly number[],
  goal: 'min' | 'max' | null,
  options: { target?: number | undefined; log?: boolean } = {},
): Domain {
  const log = options.log ?? false;
  const sorted = values.filter((v) => Number.isFinite(v) && (!log || v > 0)).sort((a, b) => a - b);
  const lowest = sorted[0];
  const highest = sorted[sorted.length - 1];
  if (lowest === undefined || highest === undefined) return log ? [0.1, 1] : [0, 1];
  let low = goal === 'max' ? (quantileSorted(sorted, 0.15) ?? lowest) : lowest;
  let high = goal === 'min' && !log ? (quantileSorted(sorted, 0.85) ?? highest) : highest;
  const { target } = options;
  if (target !== undefined && (!log || target > 0)) {
    const room = Math.abs((goal === 'max' ? highest : lowest) - target);
    low = Math.min(low, goal === 'max' ? target - room : target);
    high = Math.max(high, goal === 'min' ? target + room : target);
  }
  // One value, or values that differ only in their last bits, still need an axis with room.
  if (high - low <= Math.abs(high) * 1e-6)
    [low, high] = log
      ? [low / 2, high * 2]
      : [low - (Math.abs(low) || 1) * 0.05, high + (Math.abs(high) || 1) * 0.05];
  return niceDomain([low, high], log);
}

function niceDomain([low, high]: Domain, log: boolean): Domain {
  if (!log) {
    const [a, b] = scaleLinear([low, high], [0, 1]).nice(8).domain();
    return [a ?? low, b ?? high];
  }
  const down = (v: number) => {
    const power = 10 ** Math.floor(Math.log10(v));
    return [5, 2, 1].map((m) => m * power).find((m) => m <= v * (1 + 1e-9)) ?? power;
  };
  const up = (v: number) => {
    const power = 10 ** Math.floor(Math.log10(v));
    return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= v * (1 - 1e-9)) ?? power * 10;
  };
  return [down(low), up(high)];
}

function plainFormat(ticks: readonly number[]): (value: number) => string {
  const gap = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) : 1;
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(gap) + 1e-9)));
  return (value) =>
    Math.abs(value) >= 1000 ? formatCount(value) : value.toFixed(decimals).replace('-', '−');
}

function logText(value: number): string {
  if (value >= 1e-3 && value < 1e4) return String(Number(value.toPrecision(6)));
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const mantissa = Number((value / 10 ** exponent).toFixed(3));
  const superscript = String(exponent)
    .replace(/-/g, '⁻')
    .replace(/\d/g, (d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(d)] ?? d);
  return mantissa === 1 ? `10${superscript}` : `${mantissa}·10${superscript}`;
}
