/** Cuts: pieces of like work, nothing lost, a pace learnt from steps, and the same numbers however a program is cut. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { phases } from '../../contract/runs.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { scale } from '../program/operations/elementwise.ts';
import { noise, prepare, type TestProgram } from '../program/test-program.ts';
import { cut, CutProgram, Pace } from './submits.ts';

afterEach(() => void vi.restoreAllMocks());

describe('cut', () => {
  const works = fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 60 });
  const limits = fc.integer({ min: 1, max: 20_000 });
  const sum = (list: readonly { work: number }[]) => list.reduce((total, { work }) => total + work, 0);

  it('keeps every item once, in order, in pieces that are not empty', () => {
    fc.assert(
      fc.property(works, limits, (list, limit) => {
        const items = list.map((work) => ({ work }));
        const pieces = cut(items, limit);
        expect(pieces.flat()).toEqual(items);
        expect(pieces.every((piece) => piece.length > 0)).toBe(true);
      }),
      trials(),
    );
  });

  it('makes no more pieces than needed, none longer than the limit and one item', () => {
    fc.assert(
      fc.property(works, limits, (list, limit) => {
        const pieces = cut(
          list.map((work) => ({ work })),
          limit,
        );
        expect(pieces.length).toBeLessThanOrEqual(Math.ceil(sum(pieces.flat()) / limit));
        for (const piece of pieces) expect(sum(piece)).toBeLessThanOrEqual(limit + Math.max(...list));
      }),
      trials(),
    );
  });
});

describe('Pace', () => {
  it('starts on a guess, takes the median of the first steps and new cuts only for a lasting change', () => {
    const pace = new Pace('software', 8);
    const guess = pace.limit;
    for (const ms of [1000, 10, 11]) pace.measured(1e6, ms);
    expect([pace.limit, pace.version]).toEqual([guess, 0]);
    pace.measured(1e6, 10);
    expect([pace.limit, pace.version]).toEqual([(8 / 11) * 1e6, 1]);
    for (let i = 0; i < 50; i++) pace.measured(1e6, 12);
    expect(pace.version).toBe(1);
    for (let i = 0; i < 50; i++) pace.measured(1e6, 22);
    expect([pace.limit, pace.version]).toEqual([(8 / 22) * 1e6, 2]);
  });

  it('cuts nothing where the clock is too coarse to see a step', () => {
    const pace = new Pace('gpu', 8);
    for (let i = 0; i < 4; i++) pace.measured(1e6, 0);
    expect(pace.limit).toBe(Infinity);
  });
});

describe('CutProgram', () => {
  const rounds = 7;

  /** x to 2 x outside of a loop, then total += 2 x in each of seven rounds: order and number of launches matter. */
  function looped(graph: Graph, x: Tensor, total: Tensor): Tensor {
    const doubled = scale(x, 2);
    graph.repeated(rounds, () =>
      graph.effect('accumulate', [doubled, total], (lowering) => [
        {
          label: 'accumulate',
          code: `@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { total[id.x] = 0.5 * total[id.x] + x[id.x]; }`,
          bindings: [
            { name: 'x', type: 'array<f32>', region: lowering.region(doubled), write: false },
            { name: 'total', type: 'array<f32>', region: lowering.region(total), write: true },
          ],
          workgroups: [16, 1, 1],
          flops: 32,
        },
      ]),
    );
    return total;
  }

  const prepared = (): Promise<TestProgram> =>
    prepare((graph, leaf) => looped(graph, leaf(noise(16, 1), [16]), leaf(noise(16, 2), [16])));

  async function run(budgetMs: number): Promise<{ values: Float32Array; submits: number }> {
    const { program, results } = await prepared();
    const gpu = await testGpu();
    const submit = vi.spyOn(gpu.device.queue, 'submit');
    const cutProgram = new CutProgram(gpu.device, program, new Pace(gpu.adapterClass, budgetMs));
    cutProgram.submit(new Set(phases), null);
    const submits = submit.mock.calls.length;
    submit.mockRestore();
    const [bytes] = await readRegions(gpu, results);
    return { values: new Float32Array(bytes ?? []), submits };
  }

  it('submits once when short, between any two launches when long, rounds of a loop as well; the same bits', async () => {
    const { program, run: uncut } = await prepared();
    const launches = program.launches(new Set(phases)).length;
    expect(launches).toBe(rounds + 1);
    const whole = await run(Infinity);
    const cutUp = await run(1e-9);
    expect(whole.submits).toBe(1);
    expect(cutUp.submits).toBe(launches);
    expect(cutUp.values).toEqual(whole.values);
    expect(whole.values).toEqual((await uncut())[0]);
  });

  it('counts the work of the phases that are due only', async () => {
    const gpu = await testGpu();
    const { program } = await prepared();
    const cutProgram = new CutProgram(gpu.device, program, new Pace(gpu.adapterClass, 8));
    expect(cutProgram.submit(new Set(['backward']), null)).toBe(0);
    const all = cutProgram.submit(new Set(phases), null);
    expect(all).toBeGreaterThan(0);
    expect(cutProgram.submit(new Set(['forward']), null)).toBe(all);
  });
});
