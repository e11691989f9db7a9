import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { evaluate, noise } from '../test-program.ts';
import { inverseIndexOf, invertIndex, noRow } from './inverse-index.ts';
import { integers } from './test-leaves.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const randomIndex = (count: number, rows: number, seed = 1): Uint32Array =>
  Uint32Array.from(noise(count, seed), (x) => Math.floor(((x + 1) / 2) * rows));

async function onGpu(index: Uint32Array, rows: number) {
  const [offsets, order] = await evaluate((graph) => {
    const inverse = invertIndex(integers(gpu, graph, index), rows);
    return [inverse.offsets, inverse.order];
  });
  return { offsets: new Uint32Array(offsets!.buffer), order: new Uint32Array(order!.buffer) };
}

/** Both are equal up to the last offset; what lies behind points nowhere. */
async function check(index: Uint32Array, rows: number): Promise<void> {
  const host = inverseIndexOf(index, rows);
  const { offsets, order } = await onGpu(index, rows);
  expect(offsets).toEqual(host.offsets);
  const count = offsets.at(-1)!;
  expect(order.subarray(0, count)).toEqual(host.order.subarray(0, count));
}

describe('on the host', () => {
  it('lists the positions of every row in ascending order', () => {
    const { offsets, order } = inverseIndexOf([2, 0, noRow, 2, 0, 2], 4);
    expect([...offsets]).toEqual([0, 2, 2, 5, 5]);
    expect([...order]).toEqual([1, 4, 0, 3, 5, noRow]);
  });

  test.each([
    [[0, 3, 1], 'index: entry 1 is 3; rows are 0 to 2'],
    [[0, 1, -1], 'entry 2 is -1'],
    [[0.5], 'entry 0 is 0.5'],
    [[NaN], 'entry 0 is NaN'],
  ])('refuses %j', (index, message) => {
    expect(() => inverseIndexOf(index, 3)).toThrow(message);
  });
});

describe('on the GPU it is the same', () => {
  test.each([
    { name: 'one position', index: Uint32Array.of(0), rows: 1 },
    { name: 'one row', index: new Uint32Array(70), rows: 1 },
    { name: 'one pass', index: randomIndex(50, 13), rows: 13 },
    { name: 'rows that need one more pass', index: randomIndex(50, 16), rows: 16 },
    { name: 'three passes', index: randomIndex(333, 3000), rows: 3000 },
    { name: 'four passes and blocks', index: randomIndex(5000, 50257), rows: 50257 },
    { name: 'padding', index: randomIndex(200, 40).map((row, i) => (i % 3 ? row : noRow)), rows: 40 },
    { name: 'padding only', index: new Uint32Array(9).fill(noRow), rows: 5 },
  ])('$name', ({ index, rows }) => check(index, rows));

  it('for any index', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 300 }),
        fc.nat(100),
        (count, rows, seed) => check(randomIndex(count, rows, seed), rows),
      ),
      trials(8),
    ));
});

it('takes entries beyond the rows for padding', async () => {
  const { offsets, order } = await onGpu(Uint32Array.of(5, 1, 7, 0, 1), 2);
  expect([...offsets]).toEqual([0, 1, 3]);
  expect([...order].slice(0, 3)).toEqual([3, 1, 4]);
});
