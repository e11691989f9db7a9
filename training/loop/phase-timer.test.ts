/** Times of phases: sums and shares from given timestamps, and a real step on the GPU. */
import { describe, expect, it } from 'vitest';
import { phases, type Phase } from '../../contract/runs.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { linear } from '../program/operations/linear.ts';
import { noise, prepare } from '../program/test-program.ts';
import { PhaseTimer } from './phase-timer.ts';
import { CutProgram, Pace, type Part } from './submits.ts';

async function createTimer(): Promise<PhaseTimer> {
  const timer = PhaseTimer.create(await testGpu());
  if (!timer) throw new Error('the adapter of the tests has timestamps');
  return timer;
}

/** Encodes a step whose passes are empty, one list of phases per submit. */
async function sample(timer: PhaseTimer, submits: readonly Phase[][]): Promise<void> {
  const { device } = await testGpu();
  timer.begin();
  for (const [i, list] of submits.entries()) {
    const encoder = device.createCommandEncoder();
    timer.encode(
      encoder,
      list.map((phase): Part => ({ phase, dispatches: [] })),
    );
    if (i === submits.length - 1) timer.resolve(encoder);
    device.queue.submit([encoder.finish()]);
  }
}

/** Passes that took so many ms, one after another. */
function stamps(...durations: number[]): ArrayBuffer {
  let now = 5_000_000_000_000n;
  const list = durations.flatMap((ms) => {
    const start = now;
    now += BigInt(Math.round(ms * 1e6));
    return [start, now];
  });
  return BigUint64Array.from(list).buffer;
}

describe('PhaseTimer', () => {
  it('knows nothing before a sample was read', async () => {
    const timer = await createTimer();
    timer.count(new Set(phases));
    timer.read(stamps(1, 2));
    expect(timer.means).toEqual({});
    timer.destroy();
  });

  it('adds up the passes of a phase, over all submits of the step', async () => {
    const timer = await createTimer();
    timer.count(new Set(phases));
    await sample(timer, [['forward', 'backward'], ['backward'], ['update', 'backward']]);
    timer.read(stamps(1, 2, 4, 8, 16));
    expect(timer.means).toEqual({ forward: 1, backward: 22, update: 8 });
    timer.destroy();
  });

  it('is the mean of its samples, times the share of steps that a phase runs on', async () => {
    const timer = await createTimer();
    const common: Phase[] = ['forward', 'update'];
    for (let step = 1; step <= 8; step++) {
      const due: Phase[] = step % 4 === 0 ? [...common, 'inverses'] : common;
      timer.count(new Set(due));
      if (step % 2 === 1) continue;
      await sample(timer, [due]);
      timer.read(step % 4 === 0 ? stamps(3, 1, 20) : stamps(1, 1));
    }
    expect(timer.means).toEqual({ forward: 2, update: 1, inverses: 5 });
    timer.reset();
    expect(timer.means).toEqual({});
    timer.destroy();
  });

  it('leaves out a pass during which the device reset its counter, and a sample that was read already', async () => {
    const timer = await createTimer();
    timer.count(new Set(phases));
    await sample(timer, [['forward', 'update']]);
    const broken = BigUint64Array.of(900n, 100n, 1_000_000n, 3_000_000n).buffer;
    timer.read(broken);
    expect(timer.means).toEqual({ update: 2 });
    timer.read(stamps(100, 100));
    expect(timer.means).toEqual({ update: 2 });
    timer.destroy();
  });

  it('runs and times a real step, cut or not', async () => {
    const gpu = await testGpu();
    for (const budget of [Infinity, 1e-9]) {
      const timer = await createTimer();
      const { program, results, run } = await prepare((graph, leaf) => {
        const [x, w] = [leaf(noise(64 * 96, 1), [64, 96]), leaf(noise(96 * 96, 2), [96, 96])];
        const h = linear(x, w, null);
        return graph.inPhase('backward', () => linear(linear(h, w, null), w, null));
      });
      const expected = (await run())[0];
      const due = new Set(phases);
      timer.count(due);
      new CutProgram(gpu.device, program, new Pace(gpu.adapterClass, budget)).submit(due, timer);
      const [bytes, values] = await readRegions(gpu, [timer.region, ...results]);
      timer.read(bytes as ArrayBuffer);
      expect(new Float32Array(values as ArrayBuffer)).toEqual(expected);
      expect(Object.keys(timer.means)).toEqual(['forward', 'backward']);
      for (const ms of Object.values(timer.means)) {
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThan(1000);
      }
      timer.destroy();
    }
  });
});
