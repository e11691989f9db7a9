/**
 * Wide ResNet (Zagoruyko and Komodakis 2016): a 3 x 3 convolution to 16 channels, three groups of (depth - 4) / 6 blocks of 16,
 * 32 and 64 times `width` channels, the later two halving the image, then normalisation, global mean pool and a linear head.
 * A block is normalisation, ReLU and 3 x 3 convolution twice, added to its input; where channels change, the input goes
 * through the first normalisation, ReLU and a 1 x 1 convolution. Parameter names are those of the usual PyTorch modules
 * (`block1.layer.0.conv1.weight`, `convShortcut`, `fc`).
 *
 * `fixup` (Zhang, Dauphin and Ma 2019, section 3) has no norms: a scalar is added before every ReLU, convolution and the head,
 * and another multiplies the end of every branch. The last convolution of a branch and the head start at zero, the others as
 * He et al. 2015 have it (by fan-out), the first of a branch times L^(-1/2) for L branches of two layers each.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import type { Tensor } from '../program/graph.ts';
import { add, multiply, relu } from '../program/operations/elementwise.ts';
import { permute } from '../program/operations/permute.ts';
import { globalAveragePool } from '../program/operations/pooling.ts';
import { lastAxis } from '../program/graph.ts';
import { normal, ones, zeros } from './initialisers.ts';
import type { ModelBuilder } from './model-builder.ts';

export type WideResNetSpec = Extract<ModelSpec, { kind: 'wide-resnet' }>;

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
  const parts =
    spec.norm === 'fixup' ? new FixupParts(builder, 3 * blocks) : new NormParts(builder, spec.norm);
  let x = parts.stem(permute(images, [0, 2, 3, 1]));
  for (const group of [1, 2, 3]) {
    const channels = 16 * 2 ** (group - 1) * spec.width;
    for (let i = 0; i < blocks; i++) {
      x = parts.block(`block${group}.layer.${i}`, x, channels, group > 1 && i === 0 ? 2 : 1);
    }
  }
  return parts.head(x, classes);
}

interface Parts {
  stem(image: Tensor): Tensor;
  block(name: string, x: Tensor, channels: number, stride: number): Tensor;
  head(x: Tensor, classes: number): Tensor;
}

const windowOf = (kernel: 1 | 3, stride: number) => ({ kernel, stride, padding: kernel === 3 ? 1 : 0 });
const keepsShape = (x: Tensor, channels: number, stride: number) => lastAxis(x) === channels && stride === 1;

class NormParts implements Parts {
  private readonly builder: ModelBuilder;
  private readonly kind: 'batch' | 'group';

  constructor(builder: ModelBuilder, kind: 'batch' | 'group') {
    [this.builder, this.kind] = [builder, kind];
  }

  stem(image: Tensor): Tensor {
    return this.convolve('conv1', image, 16, 3, 1);
  }

  block(name: string, x: Tensor, channels: number, stride: number): Tensor {
    const first = relu(this.norm(`${name}.bn1`, x));
    const inner = relu(this.norm(`${name}.bn2`, this.convolve(`${name}.conv1`, first, channels, 3, stride)));
    const residual = this.convolve(`${name}.conv2`, inner, channels, 3, 1);
    if (keepsShape(x, channels, stride)) return add(residual, x);
    return add(residual, this.convolve(`${name}.convShortcut`, first, channels, 1, stride));
  }

  head(x: Tensor, classes: number): Tensor {
    return this.builder.linear('fc', globalAveragePool(relu(this.norm('bn1', x))), classes);
  }

  private norm(name: string, x: Tensor): Tensor {
    if (this.kind === 'batch') return this.builder.batchNorm(name, x);
    return this.builder.groupNorm(name, x, Math.max(1, Math.floor(lastAxis(x) / channelsInGroup)));
  }

  private convolve(name: string, x: Tensor, channels: number, kernel: 1 | 3, stride: number): Tensor {
    return this.builder.convolution(name, x, channels, windowOf(kernel, stride), { bias: false });
  }
}

class FixupParts implements Parts {
  private readonly builder: ModelBuilder;
  private readonly branches: number;

  constructor(builder: ModelBuilder, branches: number) {
    [this.builder, this.branches] = [builder, branches];
  }

  stem(image: Tensor): Tensor {
    return this.convolve('conv1', image, 16, 3, 1, 1);
  }

  block(name: string, x: Tensor, channels: number, stride: number): Tensor {
    const first = this.shifted(`${name}.bias1b`, relu(this.shifted(`${name}.bias1a`, x)));
    const z = this.convolve(`${name}.conv1`, first, channels, 3, stride, this.branches ** -0.5);
    const inner = this.shifted(`${name}.bias2b`, relu(this.shifted(`${name}.bias2a`, z)));
    const end = this.convolve(`${name}.conv2`, inner, channels, 3, 1, 0);
    const scaled = multiply(end, this.builder.parameter(`${name}.scale`, [1], ones));
    const residual = this.shifted(`${name}.bias3`, scaled);
    if (keepsShape(x, channels, stride)) return add(residual, x);
    return add(residual, this.convolve(`${name}.convShortcut`, first, channels, 1, stride, 1));
  }

  head(x: Tensor, classes: number): Tensor {
    const pooled = globalAveragePool(relu(this.shifted('bias1', x)));
    return this.builder.linear('fc', this.shifted('bias2', pooled), classes, { initialise: zeros });
  }

  private shifted(name: string, x: Tensor): Tensor {
    return add(x, this.builder.parameter(name, [1], zeros));
  }

  /** `factor` times He's deviation sqrt(2 / (kernel^2 channels)). */
  private convolve(
    name: string,
    x: Tensor,
    channels: number,
    kernel: 1 | 3,
    stride: number,
    factor: number,
  ): Tensor {
    const deviation = factor * Math.sqrt(2 / (kernel * kernel * channels));
    return this.builder.convolution(name, x, channels, windowOf(kernel, stride), {
      bias: false,
      initialise: factor === 0 ? zeros : normal(deviation),
    });
  }
}
