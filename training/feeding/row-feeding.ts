/** Images and rows of tables: a batch is picked by row numbers, on the GPU. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, writeRegion, type Region } from '../../gpu-kernels/region.ts';
import type { ModelInputs } from '../models/inputs.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { gather } from '../program/operations/gather.ts';
import type { Augmentation } from './augmentation.ts';
import type { FedBatch, Feeding } from './feeding.ts';
import { answersName, type PartSource, type ResidentPart, type RowsByTensor } from './part-source.ts';

type RowKind = 'images' | 'table';

export class RowFeeding implements Feeding {
  private readonly gpu: GpuContext;
  private readonly kind: RowKind;
  private readonly source: PartSource;
  private readonly answers: 'labels' | 'targets';
  private readonly batch: number;
  private readonly rows: Region;
  private readonly augmentation: Augmentation | null;

  constructor(
    scope: GpuContext,
    kind: RowKind,
    source: PartSource,
    batch: number,
    augmentation: Augmentation | null = null,
  ) {
    this.gpu = scope;
    this.kind = kind;
    this.source = source;
    this.answers = answersName(source.part);
    this.batch = batch;
    this.augmentation = augmentation;
    this.rows = uploadTable(scope, 'batch rows', new Uint32Array(batch));
  }

  get ahead(): number {
    return this.source.ahead;
  }

  trace(graph: Graph): FedBatch {
    const inputs = this.source.leaf(graph, 'inputs');
    const answers = this.source.leaf(graph, this.answers);
    const rows = graph.leaf('batch rows', [this.batch], this.rows, 'u32');
    const targets = gather(answers, rows);
    if (!this.augmentation) return { inputs: rowInputs(this.kind, gather(inputs, rows)), targets };
    const { images, mixing } = this.augmentation.trace(graph, inputs, rows);
    return {
      inputs: { kind: 'images', images },
      targets,
      ...(mixing && { mixed: { labels: gather(targets, mixing.partners), share: mixing.share } }),
    };
  }

  choose(rows: Uint32Array): void {
    // Inputs and answers lie at the same numbers: both hold one row for each example.
    writeRegion(this.gpu, this.rows, this.source.bring(this.rowsOf(rows))['inputs']!);
  }

  expect(rows: Uint32Array): void {
    this.source.expect(this.rowsOf(rows));
  }

  private rowsOf(rows: Uint32Array): RowsByTensor {
    return { inputs: rows, [this.answers]: rows };
  }
}

/** All rows of a part at once: nothing is picked, nothing is copied. */
export class WholePart implements Feeding {
  readonly ahead = 0;
  private readonly kind: RowKind;
  private readonly resident: ResidentPart;

  constructor(kind: RowKind, resident: ResidentPart) {
    this.kind = kind;
    this.resident = resident;
  }

  trace(graph: Graph): FedBatch {
    const inputs = rowInputs(this.kind, this.resident.leaf(graph, 'inputs'));
    return { inputs, targets: this.resident.leaf(graph, answersName(this.resident.part)) };
  }

  choose(): void {
    // There is nothing to choose from.
  }

  expect(): void {
    // Nor is there anything to wait for.
  }
}

function rowInputs(kind: RowKind, values: Tensor): ModelInputs {
  return kind === 'images' ? { kind, images: values } : { kind, rows: values };
}
