/** The lines `npm run goldens` prints. */
import type { CheckResult } from './check-net.ts';
import { excess, isWithin, type Comparison } from './comparison.ts';

/** How many comparisons of a failed file are shown, the worst first. */
const worstShown = 5;
const nameWidth = 22;

/** Whether everything in the file was recognised and compared, and agrees. */
export function hasPassed({ comparisons, unrecognised }: CheckResult): boolean {
  return unrecognised.length === 0 && comparisons.length > 0 && comparisons.every(isWithin);
}

/** One line for a file that was read, and for a failed one its worst comparisons. */
export function describeResult(name: string, result: CheckResult, seconds: number): string[] {
  const { comparisons, unrecognised, notes } = result;
  const failed = comparisons.filter((comparison) => !isWithin(comparison));
  const parts = [
    describeLargest(comparisons),
    `${comparisons.length} comparisons`,
    ...(failed.length > 0 ? [`${failed.length} of them out of tolerance`] : []),
    `${seconds.toFixed(1)} s`,
    ...notes,
    ...(unrecognised.length > 0 ? [`not recognised: ${unrecognised.join(', ')}`] : []),
  ];
  const worst = [...failed].sort((a, b) => excess(b) - excess(a)).slice(0, worstShown);
  return [`${heading(name, hasPassed(result))} ${parts.join('; ')}`, ...worst.map(describeWorst)];
}

export function describeError(name: string, error: unknown): string {
  return `${heading(name, false)} ${error instanceof Error ? error.message : String(error)}`;
}

function heading(name: string, passed: boolean): string {
  return `${name.padEnd(nameWidth)} ${passed ? 'ok    ' : 'FAILED'}`;
}

function describeLargest(comparisons: readonly Comparison[]): string {
  const [largest] = [...comparisons].sort((a, b) => orInfinity(b.error) - orInfinity(a.error));
  if (!largest) return 'nothing compared';
  const { error, where, tolerance } = largest;
  return `largest relative error ${short(error)} (allowed ${short(tolerance)}) in ${where}`;
}

function orInfinity(error: number): number {
  return Number.isNaN(error) ? Infinity : error;
}

function describeWorst({ where, index, got, expected, error, tolerance }: Comparison): string {
  return `    ${where}[${index}]: got ${got}, expected ${expected}: relative error ${short(error)}, allowed ${short(tolerance)}`;
}

function short(value: number): string {
  return value.toExponential(1);
}
