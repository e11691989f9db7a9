/** The nets that curvature is timed on: the engine benchmark's ViT, a Wide ResNet, and single layers of any size. */
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import { wideResNet } from '../../training/models/wide-resnet.ts';
import type { Tensor } from '../../training/program/graph.ts';
import { crossEntropy, meanSquaredError, type Loss } from '../../training/program/operations/loss.ts';
import { globalAveragePool } from '../../training/program/operations/pooling.ts';
import { meanAxes } from '../../training/program/operations/reduce.ts';
import { buildLogits } from '../ours/models.ts';
import { trainingTasks } from '../tasks.ts';

/** Makes a leaf of noise (f32) or of class labels (u32). */
export interface Leaves {
  noise(label: string, shape: readonly number[]): Tensor;
  labels(count: number, classes: number): Tensor;
}

export interface KfacNet {
  name: string;
  build(builder: ModelBuilder, leaves: Leaves): Loss;
}

const classes = 10;

/** 16 patches of 28 x 28 images, width 64, 2 blocks, 4 heads, batch 128. */
export const vitNet: KfacNet = {
  name: 'vit',
  build(builder, leaves) {
    const { batch, side, model } = trainingTasks.vit;
    const images = leaves.noise('images', [batch, 1, side, side]);
    return crossEntropy(buildLogits(builder, model, images, classes), leaves.labels(batch, classes));
  },
};

/** WRN-10-1 with batch norm on 28 x 28 images, batch 32. */
export const wideResNetNet: KfacNet = {
  name: 'wrn-10-1',
  build(builder, leaves) {
    const images = leaves.noise('images', [32, 1, 28, 28]);
    const logits = wideResNet(
      builder,
      { kind: 'wide-resnet', depth: 10, width: 1, norm: 'batch' },
      images,
      classes,
    );
    return crossEntropy(logits, leaves.labels(32, classes));
  },
};

/** A 3 x 3 convolution from 32 to 32 channels on 14 x 14 images, batch 128, pooled. */
export const convolutionNet: KfacNet = {
  name: 'conv-3x3-32-14x14',
  build(builder, leaves) {
    const images = leaves.noise('images', [128, 14, 14, 32]);
    const z = globalAveragePool(builder.convolution('layer', images, 32, { kernel: 3, padding: 1 }));
    return meanSquaredError(z, leaves.noise('targets', z.shape));
  },
};

/** One linear layer D -> D over R positions of a batch, averaged. */
export function linearNet(batch: number, positions: number, width: number): KfacNet {
  return {
    name: `R=${positions} D=${width} batch=${batch}`,
    build(builder, leaves) {
      const x = leaves.noise('inputs', [batch, positions, width]);
      const z = meanAxes(builder.linear('layer', x, width), 1, 1);
      return meanSquaredError(z, leaves.noise('targets', z.shape));
    },
  };
}
