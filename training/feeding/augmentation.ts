/** Augmentation of a run's training batches: the tables it needs, and the batch as a program reads it. */
import { augmentationMistake, augments } from '../../contract/augmentation.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { AugmentationSpec } from '../../contract/run-spec.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { augmentedRows, drawAugmentation } from '../program/operations/augment.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import { betaQuantiles } from './beta-quantiles.ts';

/** Different weights that mix-up knows. */
const shares = 4096;

export interface AugmentedBatch {
  /** [N, C, H, W] */
  images: Tensor;
  /** u32 [N]: whom each image is mixed with, and f32 [1]: its own share. Null without mix-up. */
  mixing: { partners: Tensor; share: Tensor } | null;
}

export class Augmentation {
  private readonly spec: AugmentationSpec;
  private readonly step: StepUniform;
  private readonly fill: Region;
  private readonly quantiles: Region | null;

  private constructor(scope: GpuContext, spec: AugmentationSpec, data: PreparedDataset, step: StepUniform) {
    this.spec = spec;
    this.step = step;
    const { mean = [], std = [] } = data.scaling['inputs'] ?? {};
    const channels = data.example[0] ?? 1;
    const black = Float32Array.from({ length: channels }, (_, c) => -(mean[c] ?? 0) / (std[c] ?? 1));
    this.fill = uploadTable(scope, 'fill of shifts', black);
    this.quantiles =
      spec.mixUp > 0 ? uploadTable(scope, 'shares of mix-up', betaQuantiles(spec.mixUp, shares)) : null;
  }

  /** Null where nothing is to be done. Throws `invalid` naming the field that does not fit the data set. */
  static create(
    scope: GpuContext,
    spec: AugmentationSpec | undefined,
    data: PreparedDataset,
    step: StepUniform,
  ): Augmentation | null {
    if (!augments(spec)) return null;
    const mistake = augmentationMistake(spec, data);
    if (mistake) throw new KronlabError('invalid', `augmentation.${mistake.field}: ${mistake.message}`);
    return new Augmentation(scope, spec, data, step);
  }

  /** Images [count, C, H, W] with the u32 row numbers [N], as the step sees them. */
  trace(graph: Graph, table: Tensor, rows: Tensor): AugmentedBatch {
    const [, channels = 1, height = 1, width = 1] = table.shape;
    const [count = 1] = rows.shape;
    const quantiles = this.quantiles && graph.leaf('shares of mix-up', [shares], this.quantiles);
    const draws = drawAugmentation(graph, this.spec, { count, height, width }, this.step, quantiles);
    const fill = graph.leaf('fill of shifts', [channels], this.fill);
    return { images: augmentedRows(table, rows, this.spec, draws, fill), mixing: draws.mixing };
  }
}
