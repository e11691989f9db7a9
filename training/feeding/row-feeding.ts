/** Images and rows of tables: a batch is picked by row numbers, on the GPU. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, writeRegion, type Region } from '../../gpu-kernels/region.ts';
import type { ModelInputs } from '../models/inputs.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { gather } from '../program/operations/gather.ts';
import type { FedBatch, Feeding, ResidentPart } from './feeding.ts';

type RowKind = 'images' | 'table';

export class RowFeeding implements Feeding {
  private readonly gpu: GpuContext;
  private readonly kind: RowKind;
  private readonly resident: ResidentPart;
  private readonly batch: number;
  private readonly rows: Region;

  constructor(scope: GpuContext, kind: RowKind, resident: ResidentPart, batch: number) {
    this.gpu = scope;
    this.kind = kind;
    this.resident = resident;
    this.batch = batch;
    this.rows = uploadTable(scope, 'batch rows', new Uint32Array(batch));
  }

  trace(graph: Graph): FedBatch {
    const inputs = this.resident.leaf(graph, 'inputs');
    const answers = this.resident.answers(graph);
    const rows = graph.leaf('batch rows', [this.batch], this.rows, 'u32');
    return { inputs: rowInputs(this.kind, gather(inputs, rows)), targets: gather(answers, rows) };
  }

  choose(rows: Uint32Array): void {
    writeRegion(this.gpu, this.rows, rows);
  }
}

/** All rows of a part at once: nothing is picked, nothing is copied. */
export class WholePart implements Feeding {
  private readonly kind: RowKind;
  private readonly resident: ResidentPart;

  constructor(kind: RowKind, resident: ResidentPart) {
    this.kind = kind;
    this.resident = resident;
  }

  trace(graph: Graph): FedBatch {
    const inputs = rowInputs(this.kind, this.resident.leaf(graph, 'inputs'));
    return { inputs, targets: this.resident.answers(graph) };
  }

  choose(): void {
    // There is nothing to choose from.
  }
}

function rowInputs(kind: RowKind, values: Tensor): ModelInputs {
  return kind === 'images' ? { kind, images: values } : { kind, rows: values };
}
