/**
 * Measures variants against each other: each is launched often enough in a row for a few milliseconds, in rounds that
 * alternate between them, so that a slow moment of the machine meets all alike; the lowest median wins.
 */
import { releaseScope, type GpuContext } from '../device.ts';
import { record, type RecordedDispatch } from '../dispatch.ts';
import type { TuningProblem } from './kernel-choices.ts';
import type { Measuring, Stopwatch } from './stopwatch.ts';

const rounds = 3;
/** How long one round of a variant should take. */
const roundMs = 3;
const mostRepeats = 512;
/** A variant this much slower than the best at the first look is not looked at again. */
const hopeless = 2;

/**
 * Has the problems measured that a program asked about in vain, one program after another, so that they do not disturb
 * each other. Answers whether anything was measured: never on a software adapter.
 */
export async function decide(gpu: GpuContext, problems: readonly TuningProblem[]): Promise<boolean> {
  const { measuring, choices } = gpu;
  if (!measuring || problems.length === 0) return false;
  await choices.inTurn(() => measureProblems(gpu, problems, measuring));
  return true;
}

/** Fills `gpu.choices` for these problems, the largest first, as far as the budget goes. */
async function measureProblems(
  gpu: GpuContext,
  problems: readonly TuningProblem[],
  { stopwatch, budgetMs, now }: Measuring,
): Promise<void> {
  const start = now();
  const byWork = [...problems].sort((a, b) => b.work - a.work || (a.key < b.key ? -1 : 1));
  for (const problem of byWork) {
    if (gpu.choices.has(problem)) continue;
    if (now() - start > budgetMs) return;
    const best = await fastest(gpu, problem, stopwatch);
    if (best !== null) gpu.choices.record(problem.key, best);
  }
}

interface Contender {
  name: string;
  launches: RecordedDispatch[];
  repeats: number;
  /** Milliseconds per launch, one of each round. */
  times: number[];
}

/** Name of the fastest variant that compiles and runs, or null where none does. */
async function fastest(
  gpu: GpuContext,
  problem: TuningProblem,
  stopwatch: Stopwatch,
): Promise<string | null> {
  const { scope, launches } = problem.candidates(gpu);
  try {
    // Where there is no memory to measure in, nothing is measured.
    const hasMemory = await gpu.faults.settled().then(
      () => true,
      () => false,
    );
    if (!hasMemory) return null;
    let contenders: Contender[] = [];
    for (const [name, dispatches] of launches) {
      const recorded = await record(scope, dispatches).catch(() => null);
      if (recorded) contenders.push({ name, launches: recorded, repeats: 1, times: [] });
    }
    for (const contender of contenders) await prepare(contender, scope, stopwatch);
    const quickest = Math.min(...contenders.map(({ times }) => times[0] ?? Infinity));
    contenders = contenders.filter(({ times }) => (times[0] ?? Infinity) <= hopeless * quickest);
    for (let round = 0; round < rounds && contenders.length > 1; round++) {
      for (const contender of contenders) await time(contender, scope, stopwatch);
    }
    let best: { name: string; ms: number } | null = null;
    for (const { name, times } of contenders) {
      const ms = median(times);
      if (ms < (best?.ms ?? Infinity)) best = { name, ms };
    }
    return best?.name ?? null;
  } finally {
    releaseScope(scope);
  }
}

/** A launch to warm up, and a look at how long it takes. */
async function prepare(contender: Contender, scope: GpuContext, stopwatch: Stopwatch): Promise<void> {
  const ms = await stopwatch(scope, contender.launches, 1);
  contender.repeats = repeatsFor(ms);
  await time(contender, scope, stopwatch);
  contender.repeats = repeatsFor(contender.times[0] ?? roundMs);
}

function repeatsFor(ms: number): number {
  return Math.min(mostRepeats, Math.max(1, Math.ceil(roundMs / Math.max(ms, 1e-4))));
}

async function time(contender: Contender, scope: GpuContext, stopwatch: Stopwatch): Promise<void> {
  contender.times.push((await stopwatch(scope, contender.launches, contender.repeats)) / contender.repeats);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Infinity;
}
