/**
 * The benchmarks' models in jax-js, written as its own examples are: arrays are used once, or through `.ref`; matrices
 * are [inputs, outputs] and rows are two-dimensional, because those products are its fastest.
 */
import { lax, nn, numpy as np } from '@jax-js/jax';
import type { BenchModel, Weight } from '../tasks.ts';
import { transposed } from './layout.ts';

export type JaxArray = np.Array;
export type JaxParameters = Record<string, JaxArray>;

/** Logits [N, classes] of images [N, 1, H, W]; consumes both. */
export type JaxModel = (parameters: JaxParameters, images: JaxArray) => JaxArray;

export function jaxModel(model: BenchModel): JaxModel {
  switch (model.kind) {
    case 'mlp':
      return mlp(model);
    case 'convnet':
      return convnet(model);
    case 'vit':
      return vit(model);
  }
}

/** Values as jax-js wants them: matrices [inputs, outputs], filters as they are, biases of filters over channels. */
export function jaxLayout(
  model: BenchModel,
  name: string,
  weight: Weight,
): { shape: number[]; values: Float32Array } {
  const { shape, values } = weight;
  if (model.kind === 'convnet' && name === 'head.weight') return channelsFirstHead(model, weight);
  if (name.endsWith('.weight') && shape.length === 2) return transposed(weight, [1, 0]);
  if (name.startsWith('convolutions.') && name.endsWith('.bias')) return { shape: [...shape, 1, 1], values };
  return { shape: [...shape], values };
}

/** Our flattened images are channels last, those of jax-js channels first. */
function channelsFirstHead(model: Extract<BenchModel, { kind: 'convnet' }>, { shape, values }: Weight) {
  const [outputs = 1, inputs = 1] = shape;
  const channels = model.channels.at(-1) ?? 1;
  const turned = transposed({ shape: [outputs, inputs / channels, channels], values }, [2, 1, 0]);
  return { shape: [inputs, outputs], values: turned.values };
}

class Reader {
  private readonly parameters: JaxParameters;

  constructor(parameters: JaxParameters) {
    this.parameters = parameters;
  }

  take(name: string): JaxArray {
    const array = this.parameters[name];
    if (!array) throw new Error(`jax-js: there is no parameter ${name}`);
    return array;
  }

  /** x [rows, inputs] -> [rows, outputs] */
  linear(name: string, x: JaxArray): JaxArray {
    return np.dot(x, this.take(`${name}.weight`)).add(this.take(`${name}.bias`));
  }

  layerNorm(name: string, x: JaxArray): JaxArray {
    return nn
      .standardize(x, -1)
      .mul(this.take(`${name}.weight`))
      .add(this.take(`${name}.bias`));
  }
}

function mlp(model: Extract<BenchModel, { kind: 'mlp' }>): JaxModel {
  return (parameters, images) => {
    const read = new Reader(parameters);
    let x = images.reshape([images.shape[0] ?? 1, -1]);
    model.hidden.forEach((_, i) => {
      x = nn.relu(read.linear(`layers.${i}`, x));
    });
    return read.linear('head', x);
  };
}

function convnet(model: Extract<BenchModel, { kind: 'convnet' }>): JaxModel {
  return (parameters, images) => {
    const read = new Reader(parameters);
    let x = images;
    model.channels.forEach((_, i) => {
      const name = `convolutions.${i}`;
      const z = lax.convGeneralDilated(x, read.take(`${name}.weight`), [1, 1], 'SAME');
      x = lax.reduceWindow(nn.relu(z.add(read.take(`${name}.bias`))), np.max, [2, 2], [2, 2]);
    });
    return read.linear('head', x.reshape([x.shape[0] ?? 1, -1]));
  };
}

function vit(model: Extract<BenchModel, { kind: 'vit' }>): JaxModel {
  const { patch, width, heads } = model;
  return (parameters, images) => {
    const read = new Reader(parameters);
    const [n = 1, c = 1, h = 1, w = 1] = images.shape;
    const [down, across] = [h / patch, w / patch];
    const length = down * across;
    const patches = images
      .reshape([n, c, down, patch, across, patch])
      .transpose([0, 2, 4, 1, 3, 5])
      .reshape([n * length, c * patch * patch]);
    let x = read
      .linear('patch', patches)
      .reshape([n, length, width])
      .add(read.take('positions'))
      .reshape([n * length, width]);
    const split = (rows: JaxArray) => rows.reshape([n, length, heads, width / heads]);
    for (let i = 0; i < model.blocks; i++) {
      const name = `blocks.${i}`;
      const y = read.layerNorm(`${name}.norm1`, x.ref);
      const mixed = nn.dotProductAttention(
        split(read.linear(`${name}.attention.query`, y.ref)),
        split(read.linear(`${name}.attention.key`, y.ref)),
        split(read.linear(`${name}.attention.value`, y)),
      );
      x = x.add(read.linear(`${name}.attention.out`, mixed.reshape([n * length, width])));
      const hidden = read.linear(`${name}.mlp.in`, read.layerNorm(`${name}.norm2`, x.ref));
      x = x.add(read.linear(`${name}.mlp.out`, nn.gelu(hidden)));
    }
    const pooled = np.mean(read.layerNorm('norm', x).reshape([n, length, width]), 1);
    return read.linear('head', pooled);
  };
}
