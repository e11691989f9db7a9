/**
 * Wide ResNet (Zagoruyko and Komodakis 2016): a 3 x 3 convolution to 16 channels, three groups of (depth - 4) / 6 blocks of 16,
 * 32 and 64 times `width` channels, the later two halving the image, then normalisation, global mean pool and a linear head.
 * A block is normalisation, ReLU and 3 x 3 convolution twice, added to its input; where channels change, the input goes
 * through the first normalisation, ReLU and a 1 x 1 convolution. Parameter names are those of the usual PyTorch modules
 * (`block1.layer.0.conv1.weight`, `convShortcut`, `fc`).
 */
import { KronlabError } from '../../contract/errors.ts';
import type { Tensor } from '../program/graph.ts';
import { add, relu } from '../program/operations/elementwise.ts';
import { permute } from '../program/operations/permute.ts';
import { globalAveragePool } from '../program/operations/pooling.ts';
import { lastAxis } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

export interface WideResNetSpec {
  /** 6 n + 4 for n blocks a group. */
  depth: number;
  /** Multiple of the channels of a plain ResNet. */
  width: number;
  norm: 'batch' | 'group';
}

/** Channels of a group of GroupNorm, where that divides. */
const channelsInGroup = 8;

/** Logits [N, classes] of images [N, C, H, W]. Throws `invalid` for a depth that is not 6 n + 4. */
export function wideResNet(
  builder: ModelBuilder,
  spec: WideResNetSpec,
  images: Tensor,
  classes: number,
): Tensor {
  const blocks = (spec.depth - 4) / 6;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new KronlabError(
      'invalid',
      `a Wide ResNet has a depth of 6 n + 4, such as 10, 16, 22 or 28; ${spec.depth} is not one`,
    );
  }
  const norm = (name: string, x: Tensor): Tensor =>
    spec.norm === 'batch'
      ? builder.batchNorm(name, x)
      : builder.groupNorm(name, x, Math.max(1, Math.floor(lastAxis(x) / channelsInGroup)));
  const convolve = (name: string, x: Tensor, channels: number, kernel: number, stride: number): Tensor =>
    builder.convolution(
      name,
      x,
      channels,
      { kernel, stride, padding: kernel === 3 ? 1 : 0 },
      { bias: false },
    );

  const block = (name: string, x: Tensor, channels: number, stride: number): Tensor => {
    const first = relu(norm(`${name}.bn1`, x));
    const inner = relu(norm(`${name}.bn2`, convolve(`${name}.conv1`, first, channels, 3, stride)));
    const residual = convolve(`${name}.conv2`, inner, channels, 3, 1);
    const isSame = lastAxis(x) === channels && stride === 1;
    return add(residual, isSame ? x : convolve(`${name}.convShortcut`, first, channels, 1, stride));
  };

  let x = convolve('conv1', permute(images, [0, 2, 3, 1]), 16, 3, 1);
  for (const group of [1, 2, 3]) {
    const channels = 16 * 2 ** (group - 1) * spec.width;
    for (let i = 0; i < blocks; i++) {
      x = block(`block${group}.layer.${i}`, x, channels, group > 1 && i === 0 ? 2 : 1);
    }
  }
  return builder.linear('fc', globalAveragePool(relu(norm('bn1', x))), classes);
}
