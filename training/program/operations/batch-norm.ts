/**
 * Batch normalisation over all axes but the last, as torch's BatchNorm. Training normalises by the batch and moves the
 * running statistics; evaluation normalises by those and is another program, which never changes them.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits } from '../../../gpu-kernels/dispatch.ts';
import { lastAxis, size, type Lowering, type Tensor } from '../graph.ts';
import { normalise, statisticsOf, type Statistics } from './channel-norm.ts';
import source from './running-statistics.wgsl';
import { requireShape } from './shape-rules.ts';

export interface BatchNormOptions {
  /** Whether statistics are the batch's, which move the running ones, or the running ones. */
  training: boolean;
  /** Weight of the batch in the running statistics. Default 0.1. */
  momentum?: number;
  eps?: number;
}

/**
 * Normalises x [..., C] per channel, biased variance, then gain and shift. `running` are leaves [C] of memory outside
 * the graph; with `training` each replay of the forward phase moves them once, the variance unbiased.
 */
export function batchNorm(
  x: Tensor,
  gain: Tensor,
  shift: Tensor,
  running: Statistics,
  options: BatchNormOptions,
): Tensor {
  const { training, momentum = 0.1, eps = 1e-5 } = options;
  const channels = lastAxis(x);
  const perChannel = { gain, shift, 'running mean': running.mean, 'running variance': running.variance };
  for (const [role, tensor] of Object.entries(perChannel)) {
    requireShape('batch norm', role, tensor, [channels]);
  }
  const rows = size(x.shape) / channels;
  const layout = { outer: 1, rows, channels, groups: channels };
  if (!training) return normalise(x, running, gain, shift, { layout, eps, frozen: true });
  if (rows < 2) {
    throw new KronlabError(
      'invalid',
      `batch norm of [${x.shape.join(', ')}]: one value per channel has no variance to train with`,
    );
  }
  const batch = statisticsOf(x, layout);
  addRunning(batch, running, momentum, rows);
  return normalise(x, batch, gain, shift, { layout, eps, frozen: false });
}

function addRunning(batch: Statistics, running: Statistics, momentum: number, rows: number): void {
  const inputs = [batch.mean, batch.variance, running.mean, running.variance];
  const names = ['mean', 'variance', 'runningMean', 'runningVariance'];
  const channels = size(batch.mean.shape);
  batch.mean.graph.effect('running statistics', inputs, (lowering: Lowering) => [
    {
      label: 'running statistics',
      code: source,
      bindings: inputs.map((tensor, i) => ({
        name: names[i] ?? '',
        type: 'array<f32>',
        region: lowering.region(tensor),
        write: i >= 2,
      })),
      params: {
        type: 'Params',
        data: Uint32Array.of(channels, floatBits(momentum), floatBits(rows / (rows - 1))),
      },
      workgroups: [Math.ceil(channels / 64), 1, 1],
      flops: 5 * channels,
    },
  ]);
}
