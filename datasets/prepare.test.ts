import { describe, expect, it } from 'vitest';
import { datasetSpecSchema } from '../contract/run-spec.ts';
import { partTensor, type DatasetPart } from './dataset.ts';
import { prepareDataset } from './prepare.ts';
import { splitDataset } from './split-dataset.ts';
import { madeUpGraphs, madeUpImages, madeUpTable, madeUpText } from './test-made-up.ts';
import { tensorOf, type TensorDataset } from './tensor-dataset.ts';

const spec = (changes: object = {}) =>
  datasetSpecSchema.parse({ id: 'made-up', validationFraction: 0.3, ...changes });
const prepare = (dataset: TensorDataset, changes: object = {}) =>
  prepareDataset('made-up', dataset, spec(changes));

function columnOf(part: DatasetPart, name: string, column: number): number[] {
  const { data, shape } = partTensor(part, name);
  return Array.from({ length: shape[0]! }, (_, row) => data[row * shape[1]! + column]!);
}

function moments(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) };
}

describe('standard units', () => {
  it('are those of the training part alone', () => {
    const dataset = madeUpTable('regression');
    const { train, validation, scaling } = prepare(dataset);
    const rows = splitDataset(dataset, spec());
    for (const [name, columns] of [
      ['inputs', [0, 1, 2]],
      ['targets', [0, 1]],
    ] as const) {
      const { data, shape } = tensorOf(dataset, name);
      for (const column of columns) {
        const raw = [...rows.train].map((row) => data[row * shape[1]! + column]!);
        const { mean, std } = moments(raw);
        expect(scaling[name]!.mean[column]).toBeCloseTo(mean, 6);
        expect(scaling[name]!.std[column]).toBeCloseTo(std, 6);
        const standard = moments(columnOf(train, name, column));
        expect(Math.abs(standard.mean)).toBeLessThan(1e-4);
        expect(standard.std).toBeCloseTo(1, 4);
        const held = [...rows.validation].map((row) => (data[row * shape[1]! + column]! - mean) / std);
        columnOf(validation, name, column).forEach((x, i) => expect(x).toBeCloseTo(held[i]!, 3));
      }
    }
  });

  it('change with the training part and not with the rest', () => {
    const dataset = madeUpTable('classification');
    const inputs = tensorOf(dataset, 'inputs');
    const moved = (row: number): TensorDataset => {
      const data = Float32Array.from(inputs.data);
      data[6 * row]! += 5000;
      return { ...dataset, tensors: { ...dataset.tensors, inputs: { ...inputs, type: 'f32', data } } };
    };
    const { train, validation } = splitDataset(dataset, spec());
    const { scaling } = prepare(dataset);
    expect(prepare(moved(validation[2]!)).scaling).toEqual(scaling);
    expect(prepare(moved(train[2]!)).scaling['inputs']!.mean[0]).not.toBe(scaling['inputs']!.mean[0]);
  });

  it('leave columns of 0 and 1 and of categories alone', () => {
    const dataset = madeUpTable('classification');
    const { train, scaling } = prepare(dataset);
    const rows = splitDataset(dataset, spec()).train;
    for (const column of [3, 4, 5]) {
      expect([scaling['inputs']!.mean[column], scaling['inputs']!.std[column]]).toEqual([0, 1]);
      const raw = [...rows].map((row) => tensorOf(dataset, 'inputs').data[6 * row + column]);
      expect(columnOf(train, 'inputs', column)).toEqual(raw);
    }
    const graphs = prepare(madeUpGraphs('regression')).scaling['nodes']!;
    expect([graphs.mean[2], graphs.std[2]]).toEqual([0, 1]);
    expect(graphs.mean[1]).toBeGreaterThan(299);
  });

  it('are per channel for images', () => {
    const { scaling, train } = prepare(madeUpImages('regression'));
    expect(scaling['inputs']!.mean).toHaveLength(2);
    expect(scaling['inputs']!.mean[1]).toBeCloseTo(9, 0);
    expect(train.tensors['inputs']!.shape.slice(1)).toEqual([2, 3, 4]);
  });

  it('leave the data set as it was', () => {
    const [dataset, same] = [madeUpTable('regression'), madeUpTable('regression')];
    prepare(dataset);
    expect(dataset).toEqual(same);
  });
});

describe('answers', () => {
  it('that are missing are NaN, others 0 and 1, as bits', () => {
    const dataset = madeUpTable('multi-label');
    const { train, outputs, outputNames } = prepare(dataset);
    const { data, shape } = partTensor(train, 'targets');
    expect(data).toBeInstanceOf(Uint32Array);
    expect({ outputs, outputNames, width: shape[1] }).toEqual({
      ...{ outputs: 3, width: 3 },
      outputNames: ['toxic', 'soluble', 'stable'],
    });
    const rows = splitDataset(dataset, spec()).train;
    const marks = tensorOf(dataset, 'targets').data;
    const expected = [...rows].flatMap((row) => [...marks.subarray(3 * row, 3 * row + 3)]);
    expect(expected).toContain(255);
    expect([...new Float32Array(data.buffer)]).toEqual(expected.map((mark) => (mark === 255 ? NaN : mark)));
  });
});

describe('graphs', () => {
  it('keep their nodes and edges together', () => {
    const dataset = madeUpGraphs('classification');
    const { validation, example } = prepare(dataset);
    expect(example).toEqual([3, 1]);
    const rows = splitDataset(dataset, spec()).validation;
    const raw = (name: string) => tensorOf(dataset, name).data;
    const part = (name: string) => partTensor(validation, name).data;
    rows.forEach((graph, i) => {
      const [start, end] = [raw('edgeOffsets')[graph]!, raw('edgeOffsets')[graph + 1]!];
      const [first, last] = [part('edgeOffsets')[i]!, part('edgeOffsets')[i + 1]!];
      expect(last - first).toBe(end - start);
      const ends = Array.from({ length: last - first }, (_, e) => [
        part('senders')[first + e],
        part('receivers')[first + e],
      ]);
      expect(ends.flat()).toEqual([...raw('edges').subarray(2 * start, 2 * end)]);
      const flags = columnOf(validation, 'nodes', 2).slice(
        part('nodeOffsets')[i],
        part('nodeOffsets')[i + 1],
      );
      expect(flags).toEqual(flags.map((_, node) => node % 2));
    });
  });

  it('without features have one that is 1', () => {
    const dataset = madeUpGraphs('regression');
    const nodes = { ...tensorOf(dataset, 'nodes'), shape: [tensorOf(dataset, 'nodes').shape[0]!, 0] };
    const bare = prepare({
      ...dataset,
      columns: [],
      tensors: { ...dataset.tensors, nodes: { ...nodes, data: new Float32Array(0) } },
    });
    expect(bare.example).toEqual([1, 1]);
    expect(new Set(partTensor(bare.train, 'nodes').data)).toEqual(new Set([1]));
  });
});

describe('windows', () => {
  it('are of the usual length, or of the one asked for', () => {
    expect(prepare(madeUpText(700)).example).toEqual([64]);
    expect(prepare(madeUpText(700), { contextLength: 5 }).example).toEqual([5]);
  });

  it('must fit the text', () => {
    expect(prepare(madeUpText(100), { contextLength: 29 }).example).toEqual([29]);
    expect(() => prepare(madeUpText(100), { contextLength: 30 })).toThrow(
      'dataset.contextLength: 30 is too long for the 70 training and 30 validation tokens of "Made-up text"; at most 29 fit',
    );
  });

  it('are for texts alone', () => {
    expect(() => prepare(madeUpTable('regression'), { contextLength: 8 })).toThrow(
      'dataset.contextLength: only texts are read in windows; "Made-up table" is table',
    );
  });
});
