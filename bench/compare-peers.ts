/** Runs the named benchmarks one after another, each in a browser of its own, and gathers their rows. */
import { median } from '../training/statistics/index.ts';
import { openBenchPage, type BenchPage } from './browser.ts';
import type { BenchmarkName } from './options.ts';
import type { CompiledSide } from './page/first-step.ts';
import type { BenchRow } from './row.ts';

export async function comparePeers(
  names: readonly BenchmarkName[],
  say: (line: string) => void,
): Promise<BenchRow[]> {
  say('building the page');
  const page = await openBenchPage(say);
  try {
    const rows: BenchRow[] = [];
    for (const name of names) {
      say(`${name} ...`);
      rows.push(...(name === 'compile' ? [await compileRow(page)] : await page.call('measure', name)));
    }
    return rows;
  } finally {
    await page.close();
  }
}

const compileRounds = 5;
/** Relative: both sides have made the same step. */
const lossTolerance = 1e-4;

/** First steps in turns, each in a new browser. */
async function compileRow(page: BenchPage): Promise<BenchRow> {
  const sides: readonly CompiledSide[] = ['ours', 'jax-js-webgpu'];
  const times: Record<CompiledSide, number[]> = { ours: [], 'jax-js-webgpu': [] };
  const losses: number[] = [];
  let adapter = '';
  for (let round = 0; round < compileRounds; round++) {
    for (const side of sides) {
      const first = await page.call('firstStep', side);
      times[side].push(first.ms);
      losses.push(first.loss);
      adapter = first.adapter;
    }
  }
  const error = (Math.max(...losses) - Math.min(...losses)) / Math.max(...losses);
  if (!(error <= lossTolerance)) {
    throw new Error(
      `compile: the first losses differ by ${error.toExponential(1)}, allowed ${lossTolerance}`,
    );
  }
  const [ours, peer] = [median(times.ours), median(times['jax-js-webgpu'])];
  return {
    name: 'compile',
    adapter,
    ours_ms: ours,
    peers: { 'jax-js-webgpu': peer },
    ratio: peer / ours,
    gflops: null,
    rounds: compileRounds,
    peer_rounds: { 'jax-js-webgpu': compileRounds },
    first_call_ms: { ours, 'jax-js-webgpu': peer },
    agreement: { of: 'loss of the first step, relative', ours: 0, error, tolerance: lossTolerance },
    notes: [],
  };
}
