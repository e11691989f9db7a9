/** What takes part in a comparison, and the comparison itself: first the numbers, then the time. */
import type { Agreement, BenchRow, PeerName, SideName } from '../row.ts';
import { timeInTurns, type RoundRules, type Side, type Timing } from '../rounds.ts';

export interface Contestant extends Side<SideName> {
  /** What the last call computed. */
  result(): Promise<Float32Array>;
  dispose?(): void;
}

export type PeerBuilders = Partial<Record<PeerName, () => Promise<Contestant>>>;

/** Holds the results of `calls` calls, the last being the newest, against what they should be: the relative error. */
export interface Check {
  of: string;
  calls: number;
  tolerance: number;
  error(results: readonly Float32Array[], ours: readonly Float32Array[]): number;
}

export interface Comparison<Ours extends Contestant> {
  ours: Ours;
  timings: ReadonlyMap<SideName, Timing>;
  firstCallMs: BenchRow['first_call_ms'];
  agreement: Agreement;
  notes: string[];
}

/**
 * Builds every side, checks what it computes, then times those that are right in turns. A peer that cannot run here or
 * computes something else takes no part and is noted; ours has to be right.
 */
export async function compare<Ours extends Contestant>(
  buildOurs: () => Promise<Ours>,
  peers: PeerBuilders,
  check: Check,
  rules: RoundRules,
): Promise<Comparison<Ours>> {
  const reference = await firstCalls(buildOurs, check.calls);
  const { side: ours } = reference;
  const ownError = checked('ours', reference.results, reference.results, check);
  const { of, tolerance } = check;
  const agreement: Agreement = { of, ours: ownError, error: ownError, tolerance };
  const firstCallMs: BenchRow['first_call_ms'] = { ours: reference.firstMs };
  const callMs = new Map<SideName, number>([['ours', reference.lastMs]]);
  const notes: string[] = [];
  const sides: Contestant[] = [ours];
  for (const [name, build] of Object.entries(peers) as [PeerName, () => Promise<Contestant>][]) {
    try {
      console.info(`${name}: first calls`);
      const first = await firstCalls(build, check.calls);
      agreement.error = Math.max(agreement.error, checked(name, first.results, reference.results, check));
      firstCallMs[name] = first.firstMs;
      callMs.set(name, first.lastMs);
      sides.push(first.side);
    } catch (error) {
      notes.push(`${name} left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  console.info(`rounds of ${sides.map(({ name }) => name).join(', ')}`);
  const timings = await timeInTurns(sides, callMs, rules);
  for (const side of sides) side.dispose?.();
  return { ours, timings, firstCallMs, agreement, notes };
}

interface FirstCalls<T> {
  side: T;
  results: Float32Array[];
  /** What is made and uploaded once, compilation and the call itself. */
  firstMs: number;
  lastMs: number;
}

async function firstCalls<T extends Contestant>(
  build: () => Promise<T>,
  calls: number,
): Promise<FirstCalls<T>> {
  const results: Float32Array[] = [];
  const times: number[] = [];
  let began = performance.now();
  const side = await build();
  for (let i = 0; i < calls; i++) {
    if (i > 0) began = performance.now();
    await side.run(1);
    times.push(performance.now() - began);
    results.push(await side.result());
  }
  return { side, results, firstMs: times[0] ?? NaN, lastMs: times.at(-1) ?? NaN };
}

function checked(
  name: SideName,
  results: readonly Float32Array[],
  ours: readonly Float32Array[],
  check: Check,
): number {
  const error = check.error(results, ours);
  if (error <= check.tolerance) return error;
  throw new Error(`${name}: ${check.of} is off by ${error.toExponential(1)}, allowed ${check.tolerance}`);
}
