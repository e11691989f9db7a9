/** How layers fall into blocks: every column in exactly one, none wider than allowed, every number of the weight in one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { Region } from '../../gpu-kernels/region.ts';
import { meanSquaredError } from '../program/operations/loss.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { expectClose, noise } from '../program/test-program.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { Graph } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { factorsOf, type FactorCase } from './acceptance/test-factors.ts';
import { columnParts, layerBlock, layerGroups } from './blocks.ts';
import { layerReports } from './factors.ts';
import { entry, matrix, type Matrix } from './test-reference.ts';

describe('columnParts', () => {
  it('covers all columns in order, within the limit, with the ones at the end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.integer({ min: 4, max: 80 }),
        fc.nat(40),
        (width, ones, limit, first) => {
          const parts = columnParts(first, width, ones, limit);
          let next = first;
          for (const part of parts) {
            expect(part.first).toBe(next);
            expect(part.width).toBeGreaterThan(0);
            expect(part.width + (part.ones ? 1 : 0)).toBeLessThanOrEqual(limit);
            next += part.width;
          }
          expect(next).toBe(first + width);
          expect(parts.map((part) => part.ones)).toEqual(parts.map((_, i) => ones && i === parts.length - 1));
          // No more parts than the limit asks for, rounded down to vec4s.
          const most = Math.floor(limit / 4) * 4;
          const side = width + (ones ? 1 : 0);
          expect(parts.length).toBe(side <= limit ? 1 : Math.ceil(side / most));
        },
      ),
      trials(),
    );
  });

  it('starts parts at vec4s where that is possible', () => {
    expect(columnParts(0, 100, true, 40).map(({ first }) => first)).toEqual([0, 36, 72]);
  });
});

describe('blocks of a layer', () => {
  /** Every number of the weight and the bias, in the places that blocks give them. */
  function places(build: (builder: ModelBuilder) => void, limit: number): number[] {
    const parameters = new Parameters();
    const builder = new ModelBuilder(new Graph(), parameters, 'training', { embeddingsAreLayers: true });
    build(builder);
    let offset = 0;
    for (const parameter of parameters.all) {
      parameter.offset = offset;
      offset += parameter.shape.reduce((a, b) => a * b, 1);
    }
    const [layer] = builder.layers;
    if (!layer) throw new Error('no layer was declared');
    const found = layerGroups(layer, limit).flatMap(({ inputs, outputs }, k) =>
      outputs.flatMap((g) => inputs.map((a) => layerBlock(layer, k, a, g))),
    );
    expect(new Set(found.map(({ name }) => name)).size).toBe(found.length);
    return found.flatMap(({ weight, bias, outputs, inputs, rowStride, columnStride }) => [
      ...Array.from({ length: outputs * inputs }, (_, i) => {
        return weight.offset + Math.floor(i / inputs) * rowStride + (i % inputs) * columnStride;
      }),
      ...(bias ? Array.from({ length: outputs }, (_, row) => bias.offset + row) : []),
    ]);
  }
  const leaf = (builder: ModelBuilder, shape: number[], type: 'f32' | 'u32' = 'f32') =>
    builder.graph.leaf(
      'x',
      shape,
      new Region(
        'x',
        shape.reduce((a, b) => a * b, 4),
      ),
      type,
    );

  it.each<[name: string, count: number, limit: number, build: (builder: ModelBuilder) => void]>([
    ['linear', 9 * 14, Infinity, (b) => b.linear('l', leaf(b, [2, 13]), 9)],
    ['linear, cut on both sides', 9 * 14, 5, (b) => b.linear('l', leaf(b, [2, 13]), 9)],
    [
      'convolution in groups',
      6 * 19,
      Infinity,
      (b) => b.convolution('c', leaf(b, [1, 5, 5, 6]), 6, { kernel: 3 }, { groups: 3 }),
    ],
    [
      'convolution in groups, cut',
      6 * 28,
      8,
      (b) => b.convolution('c', leaf(b, [1, 5, 5, 6]), 6, { kernel: 3 }, { groups: 2 }),
    ],
    ['embedding', 11 * 6, Infinity, (b) => b.embedding('e', leaf(b, [2, 3], 'u32'), 11, 6)],
    ['embedding, cut', 11 * 6, 4, (b) => b.embedding('e', leaf(b, [2, 3], 'u32'), 11, 6)],
  ])('hold every number of the parameters once: %s', (_, count, limit, build) => {
    const sorted = places(build, limit).sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: count }, (__, i) => i));
  });
});

const submatrix = (m: Matrix, first: number, size: number) =>
  matrix(size, size, (i, j) => entry(m, first + i, first + j));

describe('factors that would be too wide', () => {
  const [N, R, D, H, C] = [3, 4, 13, 10, 3];
  const build: FactorCase['build'] = (builder, leaf) => {
    const h = builder.linear('wide', leaf(noise(N * R * D, 1), [N, R, D]), H);
    return meanSquaredError(meanAxes(builder.linear('head', h, C), 1, 1), leaf(noise(N * C, 2), [N, C]));
  };

  it.each(['expand', 'reduce'] as const)('are the diagonal blocks of the whole ones: %s', async (flavour) => {
    const one = { build, fisher: 'type2', flavour } as const;
    const [whole, cut] = [await factorsOf(one), await factorsOf({ ...one, maxSide: 8 })];
    // A is 14 wide: 8 columns, then 5 and the ones. G is 10 wide: 8 and 2.
    const expected: [string, Matrix][] = [
      ['A of wide (1 of 2)', submatrix(whole.of('A of wide'), 0, 8)],
      ['A of wide (2 of 2)', submatrix(whole.of('A of wide'), 8, 6)],
      ['G of wide (1 of 2)', submatrix(whole.of('G of wide'), 0, 8)],
      ['G of wide (2 of 2)', submatrix(whole.of('G of wide'), 8, 2)],
      ['G of head', whole.of('G of head')],
    ];
    for (const [name, block] of expected) expectClose(cut.of(name).data, block.data, 1e-6, name);
    expect(cut.set.layers.filter(({ layer }) => layer.whole.name === 'wide')).toHaveLength(4);
    expect(layerReports(cut.set)).toMatchObject([
      { name: 'wide', aSize: D + 1, gSize: H, aBlocks: 2, gBlocks: 2, groups: 1 },
      { name: 'head', aSize: H + 1, gSize: C, aBlocks: 2, gBlocks: 1, groups: 1 },
    ]);
    expect(layerReports(whole.set)).toMatchObject([
      { name: 'wide', aBlocks: 1, gBlocks: 1 },
      { name: 'head', aBlocks: 1, gBlocks: 1 },
    ]);
  });
});

describe('embeddings', () => {
  const [N, T, V, D, C] = [3, 4, 11, 5, 2];
  const ids = Uint32Array.from(noise(N * T, 6), (value) => Math.floor(((value + 1) / 2) * V));
  const table = noise(V * D, 8);
  const transposed = Float64Array.from(
    { length: V * D },
    (_, i) => table[(i % V) * D + Math.floor(i / V)] ?? NaN,
  );
  const mask = Float64Array.from({ length: N * T }, (_, i) => (i % 3 === 1 ? 0 : 1));

  /** The table as a layer of its own, or as a linear layer on one-hot vectors. */
  const build =
    (oneHot: boolean, masked: boolean): FactorCase['build'] =>
    (builder, leaf) => {
      const options = masked ? { mask: leaf(mask, [N, T]) } : {};
      const vectors = Float64Array.from({ length: N * T * V }, (_, i) =>
        ids[Math.floor(i / V)] === i % V ? 1 : 0,
      );
      const x = oneHot
        ? builder.linear('linear', leaf(vectors, [N, T, V]), D, { bias: false, ...options })
        : builder.embedding('tokens', leaf(ids, [N, T]), V, D, options);
      return meanSquaredError(meanAxes(builder.linear('head', x, C), 1, 1), leaf(noise(N * C, 2), [N, C]));
    };
  const values = { 'tokens.weight': table, 'linear.weight': transposed };

  it.each([
    [false, Infinity],
    [true, Infinity],
    [false, 4],
  ])(
    'have the factors of a linear layer on one-hot vectors, masked: %s, blocks of at most %s',
    async (masked, maxSide) => {
      const one = { fisher: 'type2', flavour: 'expand', values, embeddingsAreLayers: true } as const;
      const own = await factorsOf({ ...one, build: build(false, masked), maxSide });
      const linear = await factorsOf({ ...one, build: build(true, masked), maxSide });
      const names = own.set.factors
        .map(({ name }) => name)
        .filter((name) => name.endsWith('tokens') || name.includes('tokens ('));
      expect(names.length).toBe(maxSide === Infinity ? 2 : 5);
      for (const name of names) {
        const expected = linear.of(name.replace('tokens', 'linear'));
        expectClose(own.of(name).data, expected.data, 1e-5, name);
      }
      // Off the diagonal there is exactly nothing, which keeps the inverse diagonal too.
      const A = own.of(names[0] ?? '');
      A.data.forEach((value, i) => {
        if (i % (A.rows + 1) !== 0) expect(value).toBe(0);
      });
    },
  );
});
