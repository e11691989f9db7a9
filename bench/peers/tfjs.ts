/**
 * TensorFlow.js as a contestant, on any of its backends. It has no whole-step compiler: operations are queued one by
 * one, and the loss of the last step, read back, says that all are done.
 */
import * as tf from '@tensorflow/tfjs';
import type { Product } from '../products.ts';
import { batchOf, weightsOf, type Batch, type TrainingTask, type Weight } from '../tasks.ts';
import { tfLayout, tfModel, type TfModel } from './tfjs-models.ts';

export type TfBackend = 'webgpu' | 'wasm' | 'cpu';

/** Switches to a backend. Throws when TensorFlow.js cannot use it here: it would fall back in silence. */
export async function chooseBackend(backend: TfBackend): Promise<void> {
  await tf.setBackend(backend);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`tfjs cannot use ${backend} here`);
}

export class TfMatmul<Backend extends TfBackend> {
  readonly name: `tfjs-${Backend}`;
  private readonly backend: Backend;
  private readonly call: () => tf.Tensor2D;
  private last: tf.Tensor2D | null = null;

  private constructor(backend: Backend, call: () => tf.Tensor2D) {
    this.name = `tfjs-${backend}`;
    this.backend = backend;
    this.call = call;
  }

  static async build<Backend extends TfBackend>(
    backend: Backend,
    { n, transposeA, transposeB, a, b }: Product,
  ): Promise<TfMatmul<Backend>> {
    await chooseBackend(backend);
    const [left, right] = [tf.tensor2d(a, [n, n]), tf.tensor2d(b, [n, n])];
    return new TfMatmul(backend, () => tf.matMul(left, right, transposeA, transposeB));
  }

  async run(calls: number): Promise<void> {
    await chooseBackend(this.backend);
    for (let i = 0; i < calls; i++) {
      this.last?.dispose();
      this.last = this.call();
    }
    // One number is the cheapest proof that the product is there.
    const corner = tf.slice(this.product(), [0, 0], [1, 1]);
    await corner.data();
    corner.dispose();
  }

  async result(): Promise<Float32Array> {
    return (await this.product().data()) as Float32Array;
  }

  private product(): tf.Tensor2D {
    if (!this.last) throw new Error('tfjs has not run yet');
    return this.last;
  }
}

export class TfTrainingStep<Backend extends TfBackend> {
  readonly name: `tfjs-${Backend}`;
  private readonly backend: Backend;
  private readonly task: TrainingTask;
  private readonly model: TfModel;
  private readonly variables: ReadonlyMap<string, tf.Variable>;
  private readonly decayed: readonly tf.Variable[];
  private readonly images: tf.Tensor4D;
  private readonly labels: tf.Tensor;
  private readonly optimizer: tf.Optimizer;
  private loss: tf.Scalar | null = null;

  private constructor(
    backend: Backend,
    task: TrainingTask,
    batch: Batch,
    weights: ReadonlyMap<string, Weight>,
  ) {
    this.name = `tfjs-${backend}`;
    this.backend = backend;
    this.task = task;
    this.model = tfModel(task.model);
    const { lr, beta1, beta2, eps } = task.optimizer;
    this.optimizer = tf.train.adam(lr, beta1, beta2, eps);
    // One channel: channels first and channels last are the same numbers.
    this.images = tf.tensor4d(batch.images, [task.batch, task.side, task.side, 1]);
    this.labels = tf.cast(tf.oneHot(Int32Array.from(batch.labels), task.classes), 'float32');
    this.variables = new Map([...weights].map(([name, weight]) => [name, variable(name, weight)]));
    this.decayed = [...this.variables].filter(([name]) => weights.get(name)?.isDecayed).map(([, v]) => v);
  }

  static async build<Backend extends TfBackend>(
    backend: Backend,
    task: TrainingTask,
  ): Promise<TfTrainingStep<Backend>> {
    await chooseBackend(backend);
    return new TfTrainingStep(backend, task, batchOf(task), weightsOf(task));
  }

  async run(steps: number): Promise<void> {
    await chooseBackend(this.backend);
    for (let i = 0; i < steps; i++) {
      this.loss?.dispose();
      this.loss = tf.tidy(() => tf.keep(this.step()));
    }
    await this.loss?.data();
  }

  /** Mean loss of the last step's batch, before its update: [1]. */
  async result(): Promise<Float32Array> {
    if (!this.loss) throw new Error('tfjs has not run yet');
    return (await this.loss.data()) as Float32Array;
  }

  private step(): tf.Scalar {
    const { value, grads } = tf.variableGrads(() => {
      const logits = this.model(this.variables, this.images);
      return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), this.labels), 1)));
    }, [...this.variables.values()]);
    const { lr, weightDecay } = this.task.optimizer;
    // Decoupled decay, which its Adam does not know: of the old value, before the step is taken off.
    for (const v of this.decayed) v.assign(tf.mul(v, 1 - lr * weightDecay));
    this.optimizer.applyGradients(grads);
    return value;
  }
}

/** Without a name of its own: names are unique in all of TensorFlow.js, and a page trains more than one model. */
function variable(name: string, weight: Weight): tf.Variable {
  const { shape, values } = tfLayout(name, weight);
  return tf.variable(tf.tensor(values, shape));
}
