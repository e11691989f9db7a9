/**
 * Graphs: a batch is the chosen graphs' nodes and edges one after another. The host works out which rows those are, from
 * the offsets that it keeps; the features are picked on the GPU. Graphs differ in size and programs do not, so the batch
 * has room for the largest that can come, and what is not needed is padding.
 */
import { partTensor, type DatasetPart } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region, uploadTable, writeRegion } from '../../gpu-kernels/region.ts';
import { upload } from '../../gpu-kernels/upload.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { gather } from '../program/operations/gather.ts';
import { noRow } from '../program/operations/inverse-index.ts';
import { gatherRows } from '../program/operations/segments.ts';
import type { FedBatch, Feeding } from './feeding.ts';
import { answersName, type PartSource, type RowsByTensor } from './part-source.ts';

const indexNames = ['nodeRows', 'edgeRows', 'senders', 'receivers', 'nodeOffsets', 'edgeOffsets'] as const;
type IndexName = (typeof indexNames)[number];

export interface Capacity {
  nodes: number;
  edges: number;
}

export class GraphFeeding implements Feeding {
  private readonly gpu: GpuContext;
  private readonly source: PartSource;
  private readonly answers: 'labels' | 'targets';
  private readonly batch: number;
  private readonly capacity: Capacity;
  private readonly graphRows: Region;
  /** All indices lie in one buffer, so that a step sends them at once. */
  private readonly buffer: GPUBuffer;
  private readonly regions: Record<IndexName, Region>;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly views: Record<IndexName, Uint32Array>;

  constructor(scope: GpuContext, source: PartSource, batch: number, inOrder: boolean) {
    this.gpu = scope;
    this.source = source;
    this.answers = answersName(source.part);
    this.batch = batch;
    this.capacity = capacityOf(source.part, batch, inOrder);
    this.graphRows = uploadTable(scope, 'batch rows', new Uint32Array(batch));
    const { nodes, edges } = this.capacity;
    const sizes: Record<IndexName, number> = {
      ...{ nodeRows: nodes, edgeRows: edges, senders: edges, receivers: edges },
      ...{ nodeOffsets: batch + 1, edgeOffsets: batch + 1 },
    };
    this.regions = forEachIndex((name) => new Region(name, sizes[name] * 4));
    this.buffer = placeInNewBuffer(scope, 'batch of graphs', Object.values(this.regions));
    this.words = new Uint32Array(this.buffer.size / 4);
    this.views = forEachIndex((name) => {
      const start = this.regions[name].offset / 4;
      return this.words.subarray(start, start + sizes[name]);
    });
  }

  get ahead(): number {
    return this.source.ahead;
  }

  trace(graph: Graph): FedBatch {
    const { source, capacity, batch } = this;
    const index = (name: IndexName, length: number): Tensor =>
      graph.leaf(name, [length], this.regions[name], 'u32');
    const rows = graph.leaf('batch rows', [batch], this.graphRows, 'u32');
    return {
      inputs: {
        kind: 'graphs',
        nodes: gatherRows(source.leaf(graph, 'nodes'), index('nodeRows', capacity.nodes)),
        edges: gatherRows(source.leaf(graph, 'edgeFeatures'), index('edgeRows', capacity.edges)),
        senders: index('senders', capacity.edges),
        receivers: index('receivers', capacity.edges),
        nodeOffsets: index('nodeOffsets', batch + 1),
        edgeOffsets: index('edgeOffsets', batch + 1),
      },
      targets: gather(source.leaf(graph, this.answers), rows),
    };
  }

  choose(graphs: Uint32Array): void {
    const at = this.source.bring(this.rowsOf(graphs));
    this.views.nodeRows.set(at['nodes']!);
    this.views.edgeRows.set(at['edgeFeatures']!);
    writeRegion(this.gpu, this.graphRows, at[this.answers]!);
    upload(this.gpu.device, this.buffer, 0, this.words);
  }

  expect(graphs: Uint32Array): void {
    if (this.ahead > 0) this.source.expect(this.rowsOf(graphs));
  }

  /** Leaves in `views` where the rows lie in the part. */
  private rowsOf(graphs: Uint32Array): RowsByTensor {
    const { views } = this;
    fillIndices(views, this.source.part, graphs);
    return { nodes: views.nodeRows, edgeFeatures: views.edgeRows, [this.answers]: graphs };
  }
}

/** Writes where the rows of the chosen graphs are; padding is `noRow`, with edges from and to node 0. */
export function fillIndices(
  views: Record<IndexName, Uint32Array>,
  part: DatasetPart,
  graphs: ArrayLike<number>,
): void {
  const of = (name: string) => partTensor(part, name).data;
  const [nodeStarts, edgeStarts] = [of('nodeOffsets'), of('edgeOffsets')];
  const [senders, receivers] = [of('senders'), of('receivers')];
  let [node, edge] = [0, 0];
  for (let i = 0; i < graphs.length; i += 1) {
    const graph = graphs[i]!;
    const firstNode = node;
    views.nodeOffsets[i] = node;
    views.edgeOffsets[i] = edge;
    for (let row = nodeStarts[graph]!; row < nodeStarts[graph + 1]!; row += 1) views.nodeRows[node++] = row;
    for (let row = edgeStarts[graph]!; row < edgeStarts[graph + 1]!; row += 1) {
      views.edgeRows[edge] = row;
      views.senders[edge] = firstNode + senders[row]!;
      views.receivers[edge] = firstNode + receivers[row]!;
      edge += 1;
    }
  }
  views.nodeOffsets[graphs.length] = node;
  views.edgeOffsets[graphs.length] = edge;
  views.nodeRows.fill(noRow, node);
  views.edgeRows.fill(noRow, edge);
  views.senders.fill(0, edge);
  views.receivers.fill(0, edge);
}

/**
 * Room for every batch of so many graphs. A batch may reach from one epoch into the next and then hold a graph twice,
 * but none three times: no batch is larger than the largest half twice. Batches in order are counted one by one.
 */
export function capacityOf(part: DatasetPart, batch: number, inOrder: boolean): Capacity {
  return { nodes: most('nodeOffsets'), edges: most('edgeOffsets') };

  function most(name: string): number {
    const { data } = partTensor(part, name);
    const sizes = Array.from({ length: part.count }, (_, i) => data[i + 1]! - data[i]!);
    if (inOrder) {
      const last = sizes.at(-1) ?? 0;
      const starts = Array.from({ length: Math.ceil(part.count / batch) }, (_, i) => i * batch);
      return Math.max(1, ...starts.map((start) => sum(sizes.slice(start, start + batch), batch, last)));
    }
    sizes.sort((a, b) => b - a);
    return Math.max(
      1,
      sum(sizes.slice(0, Math.ceil(batch / 2)), 0, 0) + sum(sizes.slice(0, batch >> 1), 0, 0),
    );
  }

  /** With as many more of the last graph as the batch is short of `count`. */
  function sum(sizes: readonly number[], count: number, last: number): number {
    return sizes.reduce((total, size) => total + size, 0) + Math.max(0, count - sizes.length) * last;
  }
}

function forEachIndex<T>(make: (name: IndexName) => T): Record<IndexName, T> {
  return Object.fromEntries(indexNames.map((name) => [name, make(name)])) as Record<IndexName, T>;
}
