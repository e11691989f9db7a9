import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { releaseScope, type GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { size, type Graph } from '../graph.ts';
import { adapterClasses, checkOperation, evaluate, f32Tolerance, noise, prepare } from '../test-program.ts';
import { relu } from './elementwise.ts';
import { inverseIndexOf, noRow, type InverseIndex } from './inverse-index.ts';
import {
  entriesWithin,
  gatherRows,
  placesInSegments,
  scatterMean,
  scatterSum,
  segmentCounts,
  segmentMean,
  segmentSum,
  spreadOverSegments,
} from './segments.ts';
import { integers } from './test-leaves.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

function gatherReference(index: ArrayLike<number>, rows: number, width: number) {
  return (x: Float64Array): Float64Array =>
    Float64Array.from({ length: index.length * width }, (_, i) => {
      const row = index[Math.floor(i / width)]!;
      return row < rows ? x[row * width + (i % width)]! : 0;
    });
}

function scatterReference(index: ArrayLike<number>, rows: number, width: number) {
  return (x: Float64Array): Float64Array => {
    const y = new Float64Array(rows * width);
    Array.from(index).forEach((row, m) => {
      for (let d = 0; d < width && row < rows; d++) y[row * width + d]! += x[m * width + d]!;
    });
    return y;
  };
}

function inverseOn(graph: Graph, index: ArrayLike<number>, rows: number): InverseIndex {
  const { offsets, order } = inverseIndexOf(index, rows);
  return { offsets: integers(gpu, graph, offsets), order: integers(gpu, graph, order) };
}

const index = [3, 0, 3, noRow, 1, 3, 0, noRow, 4];

describe.each([
  { name: 'whole quads', row: [8] },
  { name: 'odd', row: [3] },
  { name: 'matrices', row: [2, 4] },
  { name: 'single numbers', row: [] as number[] },
])('rows of $name', ({ row }) => {
  const width = size(row);

  test.each([true, false])('gathered, inverse given: %s', (given) =>
    checkOperation({
      inputs: [{ shape: [6, ...row] }],
      build: (x) => gatherRows(x, integers(gpu, x.graph, index), given ? inverseOn(x.graph, index, 6) : null),
      reference: gatherReference(index, 6, width),
      tolerance: f32Tolerance,
    }),
  );

  test.each([true, false])('scattered, inverse given: %s', (given) =>
    checkOperation({
      inputs: [{ shape: [9, ...row] }],
      build: (x) => {
        const inverse = given ? inverseOn(x.graph, index, 6) : null;
        return scatterSum(x, integers(gpu, x.graph, index), 6, inverse);
      },
      reference: scatterReference(index, 6, width),
      tolerance: f32Tolerance,
    }),
  );
});

it('gathers by an index of several axes', () =>
  checkOperation({
    inputs: [{ shape: [6, 4] }],
    build: (x) => {
      const y = gatherRows(x, integers(gpu, x.graph, index, [3, 3]));
      expect(y.shape).toEqual([3, 3, 4]);
      return y;
    },
    reference: gatherReference(index, 6, 4),
    tolerance: f32Tolerance,
  }));

it.each([[[8]], [[3]], [[] as number[]]])(
  'means of scattered rows of %j, none where nothing points',
  (row) => {
    const width = size(row);
    const counts = Array.from({ length: 6 }, (_, r) => index.filter((entry) => entry === r).length);
    expect(counts).toContain(0);
    return checkOperation({
      inputs: [{ shape: [9, ...row] }],
      build: (x) => scatterMean(x, integers(gpu, x.graph, index), 6),
      reference: (x) =>
        scatterReference(
          index,
          6,
          width,
        )(x).map((sum, i) => sum / Math.max(counts[Math.floor(i / width)]!, 1)),
      tolerance: f32Tolerance,
    });
  },
);

function segmentReference(offsets: readonly number[], width: number, mean: boolean) {
  return (x: Float64Array): Float64Array => {
    const y = new Float64Array((offsets.length - 1) * width);
    offsets.slice(1).forEach((last, s) => {
      const first = offsets[s]!;
      for (let k = first; k < last; k++)
        for (let d = 0; d < width; d++) y[s * width + d]! += x[k * width + d]! / (mean ? last - first : 1);
    });
    return y;
  };
}

const ragged = [
  { name: 'of varying size', offsets: [0, 3, 4, 9, 11], rows: 11 },
  { name: 'some empty', offsets: [0, 0, 3, 3, 3, 7, 7], rows: 7 },
  { name: 'all empty', offsets: [0, 0, 0], rows: 4 },
  { name: 'with padding behind', offsets: [0, 2, 5, 5], rows: 9 },
  { name: 'one of one row', offsets: [0, 1], rows: 1 },
];

describe.each(ragged)('segments $name', ({ offsets, rows }) => {
  test.each([[8], [3], [1], [2, 4]])('of rows %j', async (...row) => {
    const width = size(row);
    for (const mean of [false, true]) {
      const reduce = mean ? segmentMean : segmentSum;
      await checkOperation({
        inputs: [{ shape: [rows, ...row] }],
        build: (x) => reduce(x, integers(gpu, x.graph, offsets)),
        reference: segmentReference(offsets, width, mean),
        tolerance: f32Tolerance,
      });
    }
  });
});

describe.each(ragged)('over segments $name', ({ offsets, rows }) => {
  test.each([[8], [3], [2, 4]])('rows of %j are spread', (...row) =>
    checkOperation({
      inputs: [{ shape: [offsets.length - 1, ...row] }],
      build: (x) => spreadOverSegments(x, integers(gpu, x.graph, offsets), rows),
      reference: gatherReference(
        Array.from({ length: rows }, (_, m) =>
          m < offsets.at(-1)! ? offsets.findLastIndex((first) => first <= m) : noRow,
        ),
        offsets.length - 1,
        size(row),
      ),
      tolerance: f32Tolerance,
    }),
  );
});

it('takes out the entries of an index that are padding', async () => {
  const [entries] = await evaluate((graph) =>
    entriesWithin(integers(gpu, graph, [4, 2, 0, 7, 0, 0]), integers(gpu, graph, [0, 3, 3, 4])),
  );
  expect([...new Uint32Array(entries!.buffer)]).toEqual([4, 2, 0, 7, noRow, noRow]);
});

describe.each(adapterClasses)('long segments, summed in shares, on class %s', (adapterClass) => {
  const rows = 400;
  const bounds = [0, 3, 3, 330, 391];
  const segmentOf = (row: number): number => bounds.findLastIndex((begin) => begin <= row);
  const reference = (of: (row: number) => number, width: number) =>
    scatterReference(
      Array.from({ length: rows }, (_, row) => of(row)),
      bounds.length - 1,
      width,
    );

  test.each([[4], [3], [1]])('of %i numbers', async (width) => {
    await checkOperation({
      inputs: [{ shape: [rows, width] }],
      build: (x) => relu(segmentSum(relu(x), integers(gpu, x.graph, bounds))),
      reference: (x) => reference(segmentOf, width)(x.map((v) => Math.max(v, 0))).map((v) => Math.max(v, 0)),
      tolerance: f32Tolerance,
      adapterClass,
    });
  });

  test('in another order', async () => {
    const order = Array.from({ length: rows }, (_, i) => (i * 7) % 4);
    await checkOperation({
      inputs: [{ shape: [rows, 2] }],
      build: (x) => scatterSum(x, integers(gpu, x.graph, order), 4, inverseOn(x.graph, order, 4)),
      reference: reference((row) => order[row]!, 2),
      tolerance: f32Tolerance,
      adapterClass,
    });
  });
});

describe('segments are summed in shares', () => {
  const bounds = [0, 3, 3, 330, 391];

  test('only where there is too little work otherwise', async () => {
    const launches = async (width: number, adapterClass: 'software' | 'gpu'): Promise<number> => {
      const test = await prepare((graph, leaf) => {
        const x = leaf(new Float32Array(400 * width), [400, width]);
        return segmentSum(x, integers(gpu, graph, bounds));
      }, adapterClass);
      releaseScope(test.gpu);
      return test.program.statistics.dispatches;
    };
    expect(await launches(4, 'software')).toBe(2);
    expect(await launches(2048, 'software')).toBe(1);
    expect(await launches(2048, 'gpu')).toBe(2);
  });
});

it.each(adapterClasses)('sums and gathers for any index and any segments, on class %s', (adapterClass) =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.nat(12), { minLength: 1, maxLength: 40 }),
      fc.array(fc.nat(6), { minLength: 1, maxLength: 12 }),
      async (width, entries, counts) => {
        const rows = 10;
        const targets = entries.map((row) => (row < rows ? row : noRow));
        await checkOperation({
          inputs: [{ shape: [targets.length, width] }],
          build: (x) => scatterSum(x, integers(gpu, x.graph, targets), rows),
          reference: scatterReference(targets, rows, width),
          tolerance: f32Tolerance,
          adapterClass,
        });
        const offsets = counts.reduce((ends, count) => [...ends, ends.at(-1)! + count], [0]);
        const length = offsets.at(-1)! + 1;
        await checkOperation({
          inputs: [{ shape: [length, width] }],
          build: (x) => segmentMean(x, integers(gpu, x.graph, offsets)),
          reference: segmentReference(offsets, width, true),
          tolerance: f32Tolerance,
          adapterClass,
        });
      },
    ),
    trials(4),
  ),
);

it.each(ragged)('counts the rows of segments $name and their places', async ({ offsets, rows }) => {
  const [counts, places] = await evaluate((graph) => {
    const tensor = integers(gpu, graph, offsets);
    return [segmentCounts(tensor), placesInSegments(tensor, rows)];
  });
  expect([...(counts ?? [])]).toEqual(offsets.slice(1).map((last, s) => last - offsets[s]!));
  const firsts = Array.from({ length: rows }, (_, i) => Math.max(...offsets.filter((first) => first <= i)));
  expect([...new Uint32Array(places!.buffer)]).toEqual(firsts.map((first, i) => i - first));
});

it('passes messages: gather by senders, act, sum by receivers', () => {
  const senders = [0, 1, 2, 2, 3, noRow];
  const receivers = [1, 2, 0, 1, 1, noRow];
  return checkOperation({
    inputs: [{ shape: [4, 8] }],
    build: (nodes) => {
      const { graph } = nodes;
      const messages = relu(gatherRows(nodes, integers(gpu, graph, senders), inverseOn(graph, senders, 4)));
      return scatterSum(messages, integers(gpu, graph, receivers), 4, inverseOn(graph, receivers, 4));
    },
    reference: (nodes) => {
      const messages = gatherReference(senders, 4, 8)(nodes).map((v) => Math.max(v, 0));
      return scatterReference(receivers, 4, 8)(messages);
    },
    tolerance: f32Tolerance,
  });
});

it('repeats its sums exactly', async () => {
  const targets = Uint32Array.from(noise(3000, 3), (v) => Math.floor((v + 1) * 4));
  const sums = () =>
    evaluate((graph, leaf) => scatterSum(leaf(noise(12000, 4), [3000, 4]), integers(gpu, graph, targets), 8));
  expect(await sums()).toEqual(await sums());
});

it('refuses an index that does not fit the rows, and offsets that are none', async () => {
  await expect(
    evaluate((graph, leaf) => scatterSum(leaf(noise(6, 0), [3, 2]), integers(gpu, graph, [0, 1]), 2)),
  ).rejects.toThrow('scatter sum: an index [2] does not say where rows of [3, 2] go');
  await expect(
    evaluate((graph, leaf) => segmentSum(leaf(noise(6, 0), [3, 2]), integers(gpu, graph, [0]))),
  ).rejects.toThrow('segment sum: offsets [1] are no segment; two are the first');
  await expect(
    evaluate((graph, leaf) =>
      spreadOverSegments(leaf(noise(6, 0), [3, 2]), integers(gpu, graph, [0, 1, 2]), 2),
    ),
  ).rejects.toThrow('spread over segments: offsets (integers) of shape [3] should be [4]');
});
