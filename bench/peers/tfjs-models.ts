/** The benchmarks' models in TensorFlow.js: images channels last, matrices [inputs, outputs], rows two-dimensional. */
import * as tf from '@tensorflow/tfjs';
import type { BenchModel, Weight } from '../tasks.ts';
import { transposed } from './layout.ts';

export type TfParameters = ReadonlyMap<string, tf.Variable>;

/** Logits [N, classes] of images [N, H, W, 1]. */
export type TfModel = (parameters: TfParameters, images: tf.Tensor4D) => tf.Tensor2D;

export function tfModel(model: BenchModel): TfModel {
  switch (model.kind) {
    case 'mlp':
      return mlp(model);
    case 'convnet':
      return convnet(model);
    case 'vit':
      return vit(model);
  }
}

/** Values as TensorFlow wants them: matrices [inputs, outputs], filters [KH, KW, inputs, outputs]. */
export function tfLayout(name: string, weight: Weight): { shape: number[]; values: Float32Array } {
  const { shape, values } = weight;
  if (name.endsWith('.weight') && shape.length === 2) return transposed(weight, [1, 0]);
  if (name.endsWith('.weight') && shape.length === 4) return transposed(weight, [2, 3, 1, 0]);
  return { shape: [...shape], values };
}

class Reader {
  private readonly parameters: TfParameters;

  constructor(parameters: TfParameters) {
    this.parameters = parameters;
  }

  get(name: string): tf.Tensor {
    const variable = this.parameters.get(name);
    if (!variable) throw new Error(`tfjs: there is no parameter ${name}`);
    return variable;
  }

  /** x [rows, inputs] -> [rows, outputs] */
  linear(name: string, x: tf.Tensor2D): tf.Tensor2D {
    return tf.add(tf.matMul(x, this.get(`${name}.weight`)), this.get(`${name}.bias`));
  }

  layerNorm(name: string, x: tf.Tensor2D): tf.Tensor2D {
    const { mean, variance } = tf.moments(x, -1, true);
    const standard = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(standard, this.get(`${name}.weight`)), this.get(`${name}.bias`));
  }
}

function mlp(model: Extract<BenchModel, { kind: 'mlp' }>): TfModel {
  const activations = { relu: tf.relu, tanh: tf.tanh, gelu } as const;
  const activation = activations[model.activation];
  return (parameters, images) => {
    const read = new Reader(parameters);
    let x: tf.Tensor2D = tf.reshape(images, [images.shape[0], -1]);
    model.hidden.forEach((_, i) => {
      x = activation(read.linear(`layers.${i}`, x));
    });
    return read.linear('head', x);
  };
}

function convnet(model: Extract<BenchModel, { kind: 'convnet' }>): TfModel {
  return (parameters, images) => {
    const read = new Reader(parameters);
    let x = images;
    model.channels.forEach((_, i) => {
      const name = `convolutions.${i}`;
      const z = tf.conv2d(x, read.get(`${name}.weight`) as tf.Tensor4D, 1, 'same');
      x = tf.maxPool(tf.relu(tf.add(z, read.get(`${name}.bias`))), 2, 2, 'valid');
    });
    return read.linear('head', tf.reshape(x, [x.shape[0], -1]));
  };
}

function vit(model: Extract<BenchModel, { kind: 'vit' }>): TfModel {
  const { patch, width, heads } = model;
  return (parameters, images) => {
    const read = new Reader(parameters);
    const [n, h, w, c] = images.shape;
    const [down, across] = [h / patch, w / patch];
    const length = down * across;
    const split = tf.transpose(tf.reshape(images, [n, down, patch, across, patch, c]), [0, 1, 3, 5, 2, 4]);
    const patches: tf.Tensor2D = tf.reshape(split, [n * length, c * patch * patch]);
    const placed = tf.add(
      tf.reshape(read.linear('patch', patches), [n, length, width]),
      read.get('positions'),
    );
    let x: tf.Tensor2D = tf.reshape(placed, [n * length, width]);
    const byHead = (rows: tf.Tensor2D) =>
      tf.transpose(tf.reshape(rows, [n, length, heads, width / heads]), [0, 2, 1, 3]);
    for (let i = 0; i < model.blocks; i++) {
      const name = `blocks.${i}`;
      const y = read.layerNorm(`${name}.norm1`, x);
      const query = byHead(read.linear(`${name}.attention.query`, y));
      const key = byHead(read.linear(`${name}.attention.key`, y));
      const value = byHead(read.linear(`${name}.attention.value`, y));
      const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(width / heads));
      const heard = tf.transpose(tf.matMul(tf.softmax(scores), value), [0, 2, 1, 3]);
      x = tf.add(x, read.linear(`${name}.attention.out`, tf.reshape(heard, [n * length, width])));
      const hidden = gelu(read.linear(`${name}.mlp.in`, read.layerNorm(`${name}.norm2`, x)));
      x = tf.add(x, read.linear(`${name}.mlp.out`, hidden));
    }
    const pooled = tf.mean(tf.reshape(read.layerNorm('norm', x), [n, length, width]), 1);
    return read.linear('head', pooled as tf.Tensor2D);
  };
}

/** By the tanh approximation, as ours and that of jax-js. */
function gelu<T extends tf.Tensor>(x: T): T {
  const cube = tf.mul(tf.mul(x, x), x);
  const inner = tf.mul(tf.add(x, tf.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}
