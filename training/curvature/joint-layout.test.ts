/** Every weight and bias of a K-FAC layer has exactly one place in the joint layout, and no place belongs to two. */
import { describe, expect, it } from 'vitest';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { Region } from '../../gpu-kernels/region.ts';
import { runAndRead, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { Graph } from '../program/graph.ts';
import { blockLength, Parameters } from '../program/parameters.ts';
import { createFactors } from './factors.ts';
import { bothSides } from './flavour.ts';
import { jointArena, layOutJoint, type JointLayout } from './joint-layout.ts';
import { Preconditioner } from './precondition.ts';

/**
 * Layers of equal and of different padded shape, with and without bias, a convolution, one in groups, a table, one that is
 * cut into blocks, one tiny.
 */
async function sample() {
  const gpu = await testGpu();
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters, 'training', { embeddingsAreLayers: true });
  const tensor = (label: string, shape: number[], words: number) =>
    graph.leaf(label, shape, new Region(label, words * 4));
  const x = tensor('x', [2, 3, 5], 30);
  builder.linear('wide', x, 33);
  builder.linear('first', x, 6);
  builder.layerNorm('norm', x);
  builder.linear('without bias', tensor('y', [2, 3, 7], 42), 8, { bias: false });
  builder.linear('second', x, 7);
  builder.linear('tiny', tensor('z', [2, 1], 2), 1);
  const window = { kernel: [3, 3] as const, stride: 1, padding: 1, dilation: 1 };
  builder.convolution('convolution', tensor('images', [2, 4, 4, 2], 64), 6, window);
  builder.convolution('grouped', tensor('more images', [2, 4, 4, 6], 192), 4, window, { groups: 2 });
  builder.embedding('table', graph.leaf('ids', [2, 3], new Region('ids', 24), 'u32'), 11, 6);
  builder.linear('cut', tensor('v', [2, 3, 50], 300), 41);
  parameters.allocate(gpu);
  const { layers } = createFactors(gpu, builder.layers, () => bothSides('expand'), { maxSide: 40 });
  return { gpu, parameters, layout: layOutJoint(gpu, layers) };
}

function jointPosition(layout: JointLayout, name: string): { offset: number; columns: number; rows: number } {
  for (const { layers, offset, stride, columns, rows } of layout.groups) {
    const slot = layers.findIndex(({ layer }) => layer.name === name);
    if (slot >= 0) return { offset: offset + slot * stride, columns, rows };
  }
  throw new Error(`${name} is in no group`);
}

describe('layOutJoint', () => {
  it('gives every layer one matrix, rows for outputs and columns for inputs and bias, each padded to fours', async () => {
    const { layout } = await sample();
    expect(layout.layers.map(({ layer }) => layer.name).sort()).toEqual(
      [
        ...['convolution', 'first', 'second', 'table', 'tiny', 'wide', 'without bias'],
        ...['grouped [0-1, 0-26]', 'grouped [2-3, 0-26]'],
        ...['cut [0-23, 0-27]', 'cut [0-23, 28-49]', 'cut [24-40, 0-27]', 'cut [24-40, 28-49]'],
      ].sort(),
    );
    expect(jointPosition(layout, 'table')).toMatchObject({ rows: 8, columns: 12 });
    expect(jointPosition(layout, 'wide')).toMatchObject({ rows: 36, columns: 8 });
    expect(jointPosition(layout, 'without bias')).toMatchObject({ rows: 8, columns: 8 });
    expect(jointPosition(layout, 'tiny')).toMatchObject({ rows: 4, columns: 4 });
    expect(jointPosition(layout, 'convolution')).toMatchObject({ rows: 8, columns: 20 });
  });

  it('groups layers of one padded shape', async () => {
    const { layout } = await sample();
    const names = layout.groups.map(({ layers }) => layers.map(({ layer }) => layer.name));
    expect(names).toContainEqual(['first', 'without bias', 'second']);
    expect(names.flat()).toEqual(layout.layers.map(({ layer }) => layer.name));
  });

  it('starts every matrix at a whole block and leaves no two to share one', async () => {
    const { gpu, layout } = await sample();
    let end = 0;
    for (const { offset, stride, layers, rows, columns } of layout.groups) {
      expect(offset).toBe(end);
      expect(stride % blockLength).toBe(0);
      expect(stride).toBeGreaterThanOrEqual(rows * columns);
      end += stride * layers.length;
    }
    expect(layout.length).toBe(end);
    const [blocks] = await readRegions(gpu, [layout.blocks]);
    const owners = [...new Uint32Array(blocks ?? new ArrayBuffer(0))].slice(0, layout.length / blockLength);
    layout.layers.forEach(({ layer }, index) => {
      const { offset, rows, columns } = jointPosition(layout, layer.name);
      const first = offset / blockLength;
      const last = (offset + rows * columns - 1) / blockLength;
      for (let block = first; block <= last; block++) expect(owners[block], layer.name).toBe(index);
    });
  });

  it('packs every weight and bias exactly once as [W b], and nothing else', async () => {
    const { gpu, parameters, layout } = await sample();
    // Every number of the arena says where it lies; 0 is left for the padding.
    const source = uploaded(
      gpu,
      'positions',
      Float32Array.from({ length: parameters.arenaLength }, (_, i) => i + 1),
    );
    const control = new Preconditioner(gpu, layout, null);
    const packed = await runAndRead(gpu, control.precondition(source), control.direction);
    const expected = new Float32Array(layout.length);
    for (const { layer } of layout.layers) {
      const { offset, columns } = jointPosition(layout, layer.name);
      for (let row = 0; row < layer.outputs; row++) {
        const start = offset + row * columns;
        for (let j = 0; j < layer.inputs; j++) {
          expected[start + j] = layer.weight.offset + row * layer.rowStride + j * layer.columnStride + 1;
        }
        if (layer.bias) expected[start + layer.inputs] = layer.bias.offset + row + 1;
      }
    }
    expect(packed).toEqual(expected);
    const placed = [...packed].filter((value) => value > 0).sort((a, b) => a - b);
    const own = parameters.all
      .filter(({ kind }) => kind !== 'other')
      .flatMap(({ offset, shape }) =>
        Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, (_, i) => offset + i + 1),
      );
    expect(placed).toEqual(own.sort((a, b) => a - b));
  });
});

describe('jointArena', () => {
  it('places each group where the layout says it lies', async () => {
    const { gpu, layout } = await sample();
    const { whole, groups } = jointArena(gpu, layout, 'arena');
    expect(whole.bytes).toBe(layout.length * 4);
    expect(groups.map((region) => region.offset / 4)).toEqual(layout.groups.map(({ offset }) => offset));
    expect(groups.every((region) => region.buffer === whole.buffer)).toBe(true);
  });
});
