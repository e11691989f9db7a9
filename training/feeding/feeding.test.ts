/** Batches as the GPU puts them together against batches put together on the host. */
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../contract/run-spec.ts';
import { partTensor, type DatasetPart, type PreparedDataset } from '../../datasets/dataset.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import { madeUpGraphs, madeUpImages, madeUpTable, madeUpText } from '../../datasets/test-made-up.ts';
import { indexTensor, valueTensor, type TensorDataset } from '../../datasets/tensor-dataset.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { size } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { evaluate, expectClose, noise, prepare } from '../program/test-program.ts';
import { batchOrder, consecutive, createFeeding, exampleCount } from './feeding.ts';
import { capacityOf, fillIndices } from './graph-feeding.ts';
import { ResidentPart } from './part-source.ts';
import { hostInputs, pickRows, segmentOf } from './test-batches.ts';

const prepared = (dataset: TensorDataset, contextLength?: number): PreparedDataset =>
  prepareDataset('made-up', dataset, {
    ...{ id: 'made-up', splitSeed: 0, validationFraction: 0.3 },
    ...(contextLength && { contextLength }),
  });

const gpu = openScope(await testGpu());
afterAll(() => releaseScope(gpu));

const bitsOf = (values: ArrayLike<number>) => new Uint32Array(Float32Array.from(values).buffer);

describe('rows', () => {
  it.each([
    ['numbers', madeUpTable('regression')],
    ['classes', madeUpTable('classification')],
    ['labels, some of them missing', madeUpTable('multi-label')],
    ['images of numbers', madeUpImages('regression')],
  ])('are fed with what is to be predicted, bit by bit: %s', async (_, dataset) => {
    const data = prepared(dataset);
    const feeding = createFeeding(gpu, data, new ResidentPart(gpu, data.train), 4);
    const test = await prepare((graph) => {
      const { inputs, targets } = feeding.trace(graph);
      if (inputs.kind !== 'images' && inputs.kind !== 'table') throw new Error(inputs.kind);
      return [inputs.kind === 'images' ? inputs.images : inputs.rows, targets];
    });
    for (const rows of [
      [3, 0, 11, 3],
      [7, 8, 2, 1],
    ]) {
      feeding.choose(Uint32Array.from(rows));
      const [inputs, answers] = await test.run();
      const expected = (name: string) => {
        const { data: values, shape } = partTensor(data.train, name);
        return pickRows(values, size(shape.slice(1)), rows);
      };
      expect([...inputs!]).toEqual(expected('inputs'));
      const answerName = dataset.task === 'classification' ? 'labels' : 'targets';
      const answerBits = new Uint32Array(answers!.buffer);
      const right = expected(answerName);
      expect([...answerBits]).toEqual(dataset.task === 'regression' ? [...bitsOf(right)] : right);
    }
    releaseScope(test.gpu);
  });
});

describe('windows of a text', () => {
  const data = prepared(madeUpText(), 8);
  const { data: tokens } = partTensor(data.train, 'tokens');

  it('are fed with the tokens that follow each of theirs', async () => {
    const feeding = createFeeding(gpu, data, new ResidentPart(gpu, data.train), 3);
    const test = await prepare((graph) => {
      const { inputs, targets } = feeding.trace(graph);
      if (inputs.kind !== 'text') throw new Error(inputs.kind);
      return [inputs.tokens, targets];
    });
    const last = data.train.count - 9;
    for (const starts of [
      [0, 17, last],
      [5, 5, 100],
    ]) {
      feeding.choose(Uint32Array.from(starts));
      const [inputs, targets] = await test.run();
      const from = (shift: number) =>
        starts.flatMap((start) => [...tokens.subarray(start + shift, start + shift + 8)]);
      expect([...new Uint32Array(inputs!.buffer)]).toEqual(from(0));
      expect([...new Uint32Array(targets!.buffer)]).toEqual(from(1));
    }
    releaseScope(test.gpu);
  });

  it('do not overlap in an evaluation and leave less than a window at the end', () => {
    const count = exampleCount(data, data.validation);
    const starts = [...consecutive(data, data.validation, 0, count + 2)];
    expect(starts.slice(0, count)).toEqual(Array.from({ length: count }, (_, i) => 8 * i));
    // Past the end the last one comes again.
    expect(starts.slice(count)).toEqual([8 * (count - 1), 8 * (count - 1)]);
    const unread = data.validation.count - (8 * count + 1);
    expect(unread).toBeGreaterThanOrEqual(0);
    expect(unread).toBeLessThan(8);
  });

  it.each([17, 64, 100, 101, 440])(
    'end within the text in every epoch and begin anywhere: %d tokens',
    (count) => {
      const stream = { shape: [count], data: new Uint32Array(count) };
      const short = { ...data, train: { count, tensors: { tokens: stream } } };
      const order = batchOrder(short, 1);
      const starts = [...order.take(3000)];
      expect(Math.max(...starts) + 8 + 1).toBeLessThanOrEqual(count);
      expect(new Set(starts.map((start) => start % 8)).size).toBe(8);
    },
  );

  it('are taken once each within an epoch', () => {
    const order = batchOrder(data, 5);
    const perEpoch = Math.floor((data.train.count - 8) / 8);
    for (let epoch = 0; epoch < 4; epoch += 1) {
      const starts = [...order.take(perEpoch)].sort((a, b) => a - b);
      expect(starts.map((start) => start - starts[0]!)).toEqual(starts.map((_, i) => 8 * i));
    }
  });
});

describe('graphs', () => {
  const dataset = madeUpGraphs('regression');
  const data = prepared(dataset);
  const { train } = data;
  const values = (name: string) => partTensor(train, name).data;

  it('are fed one after another, with zeros behind the last', async () => {
    const batch = 4;
    const feeding = createFeeding(gpu, data, new ResidentPart(gpu, train), batch);
    const test = await prepare((graph) => {
      const { inputs, targets } = feeding.trace(graph);
      if (inputs.kind !== 'graphs') throw new Error(inputs.kind);
      return [inputs.nodes, inputs.edges, inputs.senders, inputs.receivers, inputs.nodeOffsets, targets];
    });
    for (const chosen of [
      [3, 0, 11, 3],
      [2, 1, 9, 6],
    ]) {
      feeding.choose(Uint32Array.from(chosen));
      const [nodes, edges, senders, receivers, nodeOffsets, targets] = await test.run();
      const nodeRows = chosen.flatMap((graph) => segmentOf(values('nodeOffsets'), graph));
      const edgeRows = chosen.flatMap((graph) => segmentOf(values('edgeOffsets'), graph));
      const room = capacityOf(train, batch, false);
      expect(room.nodes).toBeGreaterThanOrEqual(nodeRows.length);
      const padded = (list: number[], length: number) => [
        ...list,
        ...Array<number>(length - list.length).fill(0),
      ];
      expect([...nodes!]).toEqual(padded(pickRows(values('nodes'), 3, nodeRows), 3 * room.nodes));
      expect([...edges!]).toEqual(padded(pickRows(values('edgeFeatures'), 1, edgeRows), room.edges));
      const offsets = [...new Uint32Array(nodeOffsets!.buffer)];
      expect(offsets.at(-1)).toBe(nodeRows.length);
      const ends = (name: string) =>
        chosen.flatMap((graph, i) =>
          segmentOf(values('edgeOffsets'), graph).map((row) => values(name)[row]! + offsets[i]!),
        );
      expect([...new Uint32Array(senders!.buffer)]).toEqual(padded(ends('senders'), room.edges));
      expect([...new Uint32Array(receivers!.buffer)]).toEqual(padded(ends('receivers'), room.edges));
      expect([...targets!]).toEqual(pickRows(values('targets'), 2, chosen));
    }
    releaseScope(test.gpu);
  });

  it('give the outputs that they give without padding', async () => {
    const spec: ModelSpec = {
      ...{ kind: 'graph-network', width: 5, rounds: 2, updateLayers: 1, aggregation: 'mean' },
      ...{ globals: 'on', readout: 'global', norm: 'layer', residual: 'on' },
    };
    const parameters = new Parameters();
    const feeding = createFeeding(gpu, data, new ResidentPart(gpu, train), 5);
    const test = await prepare((graph) => {
      const outputs = buildModel(new ModelBuilder(graph, parameters), spec, feeding.trace(graph).inputs, 2);
      parameters.allocate(gpu);
      return outputs;
    });
    parameters.upload(gpu, ({ shape, name }) => Float32Array.from(noise(size(shape), name.length)));
    for (const chosen of [
      [0, 1, 2, 3, 4],
      [12, 3, 12, 20, 5],
    ]) {
      feeding.choose(Uint32Array.from(chosen));
      const [padded] = await test.run();
      const [plain] = await evaluate((graph, leaf) =>
        buildModel(new ModelBuilder(graph, parameters), spec, hostInputs(data, train, chosen, leaf), 2),
      );
      expectClose(padded!, plain!, 1e-6);
    }
    releaseScope(test.gpu);
  });

  it('need not have an edge anywhere', async () => {
    const bare = prepared({
      ...dataset,
      tensors: {
        ...dataset.tensors,
        edges: indexTensor([0, 2], new Uint32Array(0)),
        edgeFeatures: valueTensor([0, 1], new Float32Array(0)),
        edgeOffsets: indexTensor([dataset.examples + 1], new Uint32Array(dataset.examples + 1)),
      },
    });
    const feeding = createFeeding(gpu, bare, new ResidentPart(gpu, bare.train), 2);
    const test = await prepare((graph) => {
      const { inputs } = feeding.trace(graph);
      if (inputs.kind !== 'graphs') throw new Error(inputs.kind);
      return [inputs.edges, inputs.nodes];
    });
    feeding.choose(Uint32Array.of(1, 2));
    const [edgeRows, nodes] = await test.run();
    expect([...edgeRows!]).toEqual([0]);
    expect(Math.abs(nodes![0]!)).toBeGreaterThan(0);
    releaseScope(test.gpu);
  });
});

/** A part of graphs with so many nodes each, in rings. */
function partOfSizes(sizes: readonly number[]): DatasetPart {
  const offsets = Uint32Array.from([
    0,
    ...sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0)),
  ]);
  const total = offsets.at(-1)!;
  const index = (data: Uint32Array<ArrayBuffer>) => ({ shape: [data.length], data });
  const within = (shift: number) =>
    Uint32Array.from(sizes.flatMap((size) => Array.from({ length: size }, (_, i) => (i + shift) % size)));
  return {
    count: sizes.length,
    tensors: {
      nodeOffsets: index(offsets),
      edgeOffsets: index(offsets.slice()),
      senders: index(within(0)),
      receivers: index(within(1)),
      nodes: { shape: [total, 1], data: new Float32Array(total) },
    },
  };
}

describe('room for graphs', () => {
  const sizes = [3, 9, 1, 4, 4, 7, 2];
  const part = partOfSizes(sizes);
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);

  it('is for the largest half of a batch twice, as where one epoch ends and the next begins', () => {
    expect(capacityOf(part, 1, false).nodes).toBe(9);
    expect(capacityOf(part, 2, false).nodes).toBe(9 + 9);
    expect(capacityOf(part, 3, false).nodes).toBe(9 + 7 + 9);
    expect(capacityOf(part, 7, false).edges).toBe(9 + 7 + 4 + 4 + (9 + 7 + 4));
  });

  it('is enough for every batch that an order gives', () => {
    for (let batch = 1; batch <= sizes.length; batch += 1) {
      const data: PreparedDataset = { ...prepared(madeUpGraphs('regression')), train: part };
      const order = batchOrder(data, batch);
      const room = capacityOf(part, batch, false).nodes;
      for (let i = 0; i < 200; i += 1)
        expect(sum([...order.take(batch)].map((graph) => sizes[graph]!))).toBeLessThanOrEqual(room);
    }
  });

  it('is exactly that of the largest piece where they come in order, the last one filled up', () => {
    expect(capacityOf(part, 7, true).nodes).toBe(sum(sizes));
    expect(capacityOf(part, 4, true).nodes).toBe(3 + 9 + 1 + 4);
    const rising = partOfSizes([1, 2, 3, 4, 5]);
    expect(capacityOf(rising, 2, true).nodes).toBe(5 + 5);
    expect(capacityOf(rising, 3, true).nodes).toBe(4 + 5 + 5);
  });

  it('is never none', () => {
    expect(capacityOf(partOfSizes([0, 0]), 2, false)).toEqual({ nodes: 1, edges: 1 });
    expect(capacityOf(partOfSizes([0, 0]), 2, true)).toEqual({ nodes: 1, edges: 1 });
  });
});

describe('indices of graphs', () => {
  it('point to the rows of the chosen graphs, and behind them to none', () => {
    const part = partOfSizes([2, 3, 1]);
    const views = {
      ...{ nodeRows: new Uint32Array(7), edgeRows: new Uint32Array(7) },
      ...{ senders: new Uint32Array(7).fill(9), receivers: new Uint32Array(7).fill(9) },
      ...{ nodeOffsets: new Uint32Array(3), edgeOffsets: new Uint32Array(3) },
    };
    fillIndices(views, part, [1, 0]);
    const none = 0xffffffff;
    expect([...views.nodeRows]).toEqual([2, 3, 4, 0, 1, none, none]);
    expect([...views.edgeRows]).toEqual([2, 3, 4, 0, 1, none, none]);
    expect([...views.nodeOffsets]).toEqual([0, 3, 5]);
    expect([...views.edgeOffsets]).toEqual([0, 3, 5]);
    expect([...views.senders]).toEqual([0, 1, 2, 3, 4, 0, 0]);
    expect([...views.receivers]).toEqual([1, 2, 0, 4, 3, 0, 0]);
    // A smaller batch leaves nothing of a larger one.
    fillIndices(views, part, [2, 2]);
    expect([...views.nodeRows]).toEqual([5, 5, none, none, none, none, none]);
    expect([...views.receivers]).toEqual([0, 1, 0, 0, 0, 0, 0]);
  });
});
