/** Rows as a kernel finds them in the pages, against the rows of the part. */
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DatasetPart } from '../../datasets/dataset.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { Graph } from '../program/graph.ts';
import { noRow } from '../program/operations/inverse-index.ts';
import { noise } from '../program/test-program.ts';
import { StreamedPart, type RoomByTensor } from './streamed-part.ts';

const gpu = openScope(await testGpu());
afterAll(() => releaseScope(gpu));

const rows = 50;
const width = 3;
const inputs = Float32Array.from(noise(rows * width, 1));
/** Bits of numbers, not all of which are numbers: every one must arrive as it is. */
const targets = Uint32Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? 0x7fc00000 + i : i));
const part: DatasetPart = {
  count: rows,
  tensors: { inputs: { shape: [rows, width], data: inputs }, targets: { shape: [rows, 1], data: targets } },
};
const room: RoomByTensor = {
  inputs: { entries: 4, rowsPerEntry: 1 },
  targets: { entries: 4, rowsPerEntry: 1 },
};

let streamed: StreamedPart;
beforeEach(() => {
  streamed = new StreamedPart(gpu, part, room, 2);
});

const list = (...numbers: number[]) => Uint32Array.from(numbers);
const both = (...numbers: number[]) => ({ inputs: list(...numbers), targets: list(...numbers) });

/** Words of the tensor that lie at these numbers of its leaf, so many rows from each. */
async function wordsAt(name: string, numbers: Uint32Array, rowWords: number, span = 1): Promise<number[]> {
  const graph = new Graph();
  const region = graph.placed.get(streamed.leaf(graph, name))!;
  const words = new Uint32Array((await readFloats(gpu, region)).buffer);
  return [...numbers].flatMap((at) => [...words.subarray(at * rowWords, (at + span) * rowWords)]);
}

async function expectRows(at: Readonly<Record<string, Uint32Array>>, chosen: number[]): Promise<void> {
  const bits = new Uint32Array(inputs.buffer);
  expect(await wordsAt('inputs', at['inputs']!, width)).toEqual(
    chosen.flatMap((row) => [...bits.subarray(row * width, (row + 1) * width)]),
  );
  expect(await wordsAt('targets', at['targets']!, 1)).toEqual(chosen.map((row) => targets[row]));
}

describe('rows of a streamed part', () => {
  it.each([
    ['apart', [9, 3, 17, 0]],
    ['that follow each other', [46, 47, 48, 49]],
    ['more than once', [5, 5, 6, 5]],
    ['fewer than there is room for', [8, 9]],
  ])('are there bit by bit: %s', async (_, chosen) => {
    await expectRows(streamed.bring(both(...chosen)), chosen);
  });

  it('are there as they come, round all pages and beyond, each moved once', async () => {
    const batches = Array.from({ length: 8 }, (_, i) => [i, 3 * i, 49 - i, 7]);
    const write = vi.spyOn(gpu.device.queue, 'writeBuffer');
    let told = 1;
    for (const [i, batch] of batches.entries()) {
      const at = streamed.bring(both(...batch));
      for (; told < Math.min(batches.length, i + 3); told += 1) streamed.expect(both(...batches[told]!));
      await expectRows(at, batch);
    }
    expect(write).toHaveBeenCalledTimes(2 * batches.length);
    write.mockRestore();
  });

  it('are there where others were expected, and what was expected is forgotten', async () => {
    streamed.bring(both(1, 2, 3, 4));
    streamed.expect(both(5, 6, 7, 8));
    streamed.expect(both(9, 10, 11, 12));
    await expectRows(streamed.bring(both(20, 30, 40, 1)), [20, 30, 40, 1]);
    streamed.expect(both(21, 31, 41, 0));
    await expectRows(streamed.bring(both(21, 31, 41, 0)), [21, 31, 41, 0]);
    await expectRows(streamed.bring(both(5, 6, 7, 8)), [5, 6, 7, 8]);
  });

  it('stay while as many as there are pages for are expected, and more are not taken', async () => {
    const at = streamed.bring(both(1, 2, 3, 4));
    for (const first of [10, 20, 30, 40]) streamed.expect(both(first, first + 1, first + 2, first + 3));
    await expectRows(at, [1, 2, 3, 4]);
    await expectRows(streamed.bring(both(10, 11, 12, 13)), [10, 11, 12, 13]);
  });

  it('are kept as expected, whatever becomes of the list', async () => {
    streamed.bring(both(1, 2, 3, 4));
    const told = both(5, 6, 7, 8);
    streamed.expect(told);
    told.inputs.fill(0);
    told.targets.fill(0);
    await expectRows(streamed.bring(both(0, 0, 0, 0)), [0, 0, 0, 0]);
  });

  it('that are none stay none', () => {
    const at = streamed.bring(both(3, noRow, 4, noRow));
    expect([...at['inputs']!].map((row) => row === noRow)).toEqual([false, true, false, true]);
  });

  it('are whole windows where an entry has several rows', async () => {
    const tokens = Uint32Array.from({ length: 30 }, (_, i) => i * i);
    const text = { count: 30, tensors: { tokens: { shape: [30], data: tokens } } };
    streamed = new StreamedPart(gpu, text, { tokens: { entries: 3, rowsPerEntry: 5 } }, 2);
    const starts = [0, 25, 4];
    const at = streamed.bring({ tokens: list(...starts) });
    expect(await wordsAt('tokens', at['tokens']!, 1, 5)).toEqual(
      starts.flatMap((start) => [...tokens.subarray(start, start + 5)]),
    );
  });
});

describe('pages', () => {
  const pageBytes = 4 * 4 * width;
  const limited = (maxStorageBufferBindingSize: number) => ({
    ...gpu,
    limits: { ...gpu.limits, maxStorageBufferBindingSize },
  });

  it.each([
    [3 * pageBytes, 2],
    [3 * pageBytes - 1, 1],
    [2 * pageBytes - 1, 0],
  ])('are as many as one binding of %d bytes holds: %d ahead', async (bytes, ahead) => {
    streamed = new StreamedPart(limited(bytes), part, room, 2);
    expect(streamed.ahead).toBe(ahead);
    for (const first of [7, 11]) {
      const chosen = [first, first + 1, 2, 40];
      await expectRows(streamed.bring(both(...chosen)), chosen);
      streamed.expect(both(first + 4, first + 5, 2, 40));
    }
  });

  it('must hold a batch: the error names what does not fit and what would help', () => {
    expect(() => new StreamedPart(limited(pageBytes - 1), part, room, 2)).toThrow(
      `batchSize: the inputs of one batch are ${pageBytes} bytes; this adapter binds at most ${pageBytes - 1} at once. Take a smaller batch.`,
    );
  });
});
