/** Texts: a batch is windows of one stream of tokens, and what is predicted are the same windows one token later. */
import type { DatasetShape } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, writeRegion, type Region } from '../../gpu-kernels/region.ts';
import type { Graph } from '../program/graph.ts';
import { windows } from '../program/operations/windows.ts';
import type { FedBatch, Feeding } from './feeding.ts';
import type { PartSource } from './part-source.ts';

export class WindowFeeding implements Feeding {
  private readonly gpu: GpuContext;
  private readonly shape: DatasetShape;
  private readonly source: PartSource;
  private readonly batch: number;
  private readonly starts: Region;

  constructor(scope: GpuContext, shape: DatasetShape, source: PartSource, batch: number) {
    this.gpu = scope;
    this.shape = shape;
    this.source = source;
    this.batch = batch;
    this.starts = uploadTable(scope, 'batch rows', new Uint32Array(batch));
  }

  get ahead(): number {
    return this.source.ahead;
  }

  trace(graph: Graph): FedBatch {
    const stream = this.source.leaf(graph, 'tokens');
    const starts = graph.leaf('window starts', [this.batch], this.starts, 'u32');
    const length = this.shape.example[0] ?? 1;
    return {
      inputs: { kind: 'text', tokens: windows(stream, starts, length, 0), vocabulary: this.shape.outputs },
      targets: windows(stream, starts, length, 1),
    };
  }

  choose(starts: Uint32Array): void {
    writeRegion(this.gpu, this.starts, this.source.bring({ tokens: starts })['tokens']!);
  }

  expect(starts: Uint32Array): void {
    this.source.expect({ tokens: starts });
  }
}
