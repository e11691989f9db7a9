/**
 * How numbers look in words, axes and tables: thin spaces between thousands, units after a space, durations as
 * `3m 57s`. One home, so that the window, the SVG export and the terminal write the same number the same way.
 * Files for machines (CSV) never pass through here.
 */
import { metricDefinitions, type MetricKey } from '../../contract/runs.ts';

const THIN_SPACE = '\u2009';

/** `4000` → `4 000` with a thin space; fractions are rounded away. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace('-', '−')
    .replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
}

/** Seconds as a person says them: `6.4 s`, `42 s`, `3m 57s`, `2h 05m`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'never';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (n: number) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** A tick of a time axis in seconds: `0`, `0.5 s`, `30 s`, `1.5 min`, `2 h`. */
export function formatTimeTick(seconds: number): string {
  if (seconds === 0) return '0';
  if (seconds < 60) return `${trimZeros(seconds.toPrecision(6))} s`;
  if (seconds < 7200) return `${trimZeros((seconds / 60).toFixed(1))} min`;
  return `${trimZeros((seconds / 3600).toFixed(1))} h`;
}

/** A ratio with two decimals (a whole number from 10 on), without its sign `×`. */
export function formatRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return 'never';
  return ratio < 9.995 ? ratio.toFixed(2) : formatCount(ratio);
}

/** Milliseconds a step: three significant digits, never an exponent. */
export function formatMilliseconds(ms: number): string {
  if (ms >= 100) return formatCount(ms);
  return ms.toFixed(ms >= 10 ? 1 : 2);
}

/** A metric's value: accuracies with `digits` decimals, everything else with as many significant digits. */
export function formatMetric(key: MetricKey, value: number, digits = 3): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  return metricDefinitions[key].goal === 'max' ? value.toFixed(digits) : formatSignificant(value, digits);
}

/** Significant digits without an exponent for ordinary sizes, `1.2e−5` for extreme ones. */
export function formatSignificant(value: number, digits = 3): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6)
    return value
      .toExponential(digits - 1)
      .replace(/e\+?/, 'e')
      .replace('e-', 'e−');
  if (size >= 1000) return formatCount(value);
  return value.toPrecision(digits).replace('-', '−');
}

/** `1.73 MFLOP`. */
export function formatFlops(flops: number): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  let value = flops;
  let at = 0;
  for (; value >= 1000 && at + 1 < prefixes.length; at++) value /= 1000;
  return `${formatSignificant(value)} ${prefixes[at]}FLOP`;
}

/** The unit after a metric's name where it has one: `Time per step (ms)`. */
export function metricTitle(key: MetricKey): string {
  const { label, unit } = metricDefinitions[key];
  return unit === '' ? label : `${label} (${unit})`;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
