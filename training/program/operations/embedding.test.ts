import fc from 'fast-check';
import { beforeAll, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { backward } from '../backward.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise } from '../test-program.ts';
import { embedding } from './embedding.ts';
import { integers } from './test-leaves.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const randomIds = (count: number, rows: number): Uint32Array =>
  Uint32Array.from(noise(count, 1), (x) => Math.floor(((x + 1) / 2) * rows));

test.each([
  { name: 'whole quads', table: [11, 8], ids: [3, 5] },
  { name: 'odd width', table: [11, 3], ids: [7] },
  { name: 'width 1', table: [5, 1], ids: [2, 2] },
  { name: 'one row', table: [1, 4], ids: [9] },
  { name: 'one id', table: [6, 4], ids: [1] },
  { name: 'more ids than rows', table: [3, 4], ids: [50] },
])('$name', ({ table, ids }) => {
  const [rows = 1, width = 1] = table;
  const chosen = randomIds(
    ids.reduce((product, dim) => product * dim, 1),
    rows,
  );
  return checkOperation({
    inputs: [{ shape: table }],
    build: (t) => embedding(t, integers(gpu, t.graph, chosen, ids)),
    reference: (t) => [...chosen].flatMap((id) => [...t.subarray(id * width, (id + 1) * width)]),
    tolerance: f32Tolerance,
  });
});

it('looks up any ids, some of them beyond the table', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.nat(24), { minLength: 1, maxLength: 30 }),
      (rows, width, ids) =>
        checkOperation({
          inputs: [{ shape: [rows, width] }],
          build: (t) => embedding(t, integers(gpu, t.graph, ids)),
          reference: (t) =>
            ids.flatMap((id) => Array.from({ length: width }, (_, d) => t[id * width + d] ?? 0)),
          tolerance: f32Tolerance,
        }),
    ),
    trials(5),
  ));

it('gives zeros for ids beyond the table, and trains nothing by them', () =>
  checkOperation({
    inputs: [{ shape: [3, 4] }],
    build: (t) => embedding(t, integers(gpu, t.graph, [2, 3, 0xffffffff, 0])),
    reference: (t) => [...t.subarray(8, 12), ...new Array<number>(8).fill(0), ...t.subarray(0, 4)],
    tolerance: f32Tolerance,
  }));

it('sums the gradient of a large vocabulary', async () => {
  const [rows, width, count] = [50257, 4, 3000];
  // A tenth of the positions ask for the same row, as in text.
  const ids = randomIds(count, rows).map((id, i) => (i % 10 === 0 ? 262 : id));
  const cotangent = noise(count * width, 2);
  const [gradient] = await evaluate((graph, leaf) => {
    const table = leaf(new Float64Array(rows * width), [rows, width]);
    const y = embedding(table, integers(gpu, graph, ids));
    const seed = { tensor: y, gradient: leaf(cotangent, [count, width]) };
    return backward(graph, [seed], [table]).get(table)!;
  });
  const expected = new Float64Array(rows * width);
  ids.forEach((id, i) => {
    for (let d = 0; d < width; d++) expected[id * width + d]! += cotangent[i * width + d]!;
  });
  expectClose(gradient!, expected, f32Tolerance);
});

it('refuses what is no table', () =>
  expect(
    evaluate((graph, leaf) => embedding(leaf(noise(4, 0), [4]), integers(gpu, graph, [1]))),
  ).rejects.toThrow('embedding: a table [V, D] and u32 ids are needed, not [4] and u32'));
