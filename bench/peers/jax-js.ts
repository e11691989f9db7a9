/**
 * jax-js as a contestant, on its WebGPU or its wasm device. Whole steps are jitted: loss, gradients and update are one
 * function. As with our steps, two are in flight: each call waits for the one before it.
 */
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import type { Product } from '../products.ts';
import { batchOf, weightsOf, type TrainingTask } from '../tasks.ts';
import { jaxLayout, jaxModel, type JaxArray, type JaxParameters } from './jax-js-models.ts';

export type JaxDevice = 'webgpu' | 'wasm';
export type JaxName = `jax-js-${JaxDevice}`;

/** Starts a device. Throws when jax-js cannot use it here. */
export async function openJax(device: JaxDevice): Promise<void> {
  const available = await init(device);
  if (!available.includes(device)) throw new Error(`jax-js cannot use ${device} here`);
}

/** A function of arrays that are already on the device, called again and again. */
export class JaxKernel {
  readonly name: JaxName;
  private readonly device: JaxDevice;
  private readonly call: () => JaxArray;
  private last: JaxArray | null = null;

  private constructor(device: JaxDevice, call: () => JaxArray) {
    this.name = `jax-js-${device}`;
    this.device = device;
    this.call = call;
  }

  static async matmul(device: JaxDevice, { n, transposeA, transposeB, a, b }: Product): Promise<JaxKernel> {
    const [left, right] = await onDevice(device, [
      { values: a, shape: [n, n] },
      { values: b, shape: [n, n] },
    ]);
    if (!left || !right) throw new Error('jax-js kept no operands');
    // Inside `jit` a transpose is only another way of indexing; outside it would be a copy.
    const product = jit((x: JaxArray, y: JaxArray) =>
      np.matmul(transposeA ? x.transpose() : x, transposeB ? y.transpose() : y),
    );
    return new JaxKernel(device, () => product(left.ref, right.ref));
  }

  static async inverse(device: JaxDevice, matrix: Float32Array, n: number): Promise<JaxKernel> {
    const [given] = await onDevice(device, [{ values: matrix, shape: [n, n] }]);
    if (!given) throw new Error('jax-js kept no matrix');
    return new JaxKernel(device, () => np.linalg.inv(given.ref));
  }

  async run(calls: number): Promise<void> {
    defaultDevice(this.device);
    for (let i = 0; i < calls; i++) {
      const next = this.call();
      await this.last?.blockUntilReady();
      this.last?.dispose();
      this.last = next;
    }
    await this.last?.blockUntilReady();
  }

  async result(): Promise<Float32Array> {
    if (!this.last) throw new Error('jax-js has not run yet');
    return (await this.last.ref.data()) as Float32Array;
  }

  dispose(): void {
    this.last?.dispose();
    this.last = null;
  }
}

/** A type, not an interface: `jit` takes only what has an index signature. */
type State = {
  parameters: JaxParameters;
  first: JaxParameters;
  second: JaxParameters;
};

type StepFunction = (
  state: State,
  images: JaxArray,
  labels: JaxArray,
  correction1: JaxArray,
  correction2: JaxArray,
) => [JaxArray, State];

export class JaxTrainingStep {
  readonly name: JaxName;
  private readonly device: JaxDevice;
  private readonly task: TrainingTask;
  private readonly step: StepFunction;
  private readonly images: JaxArray;
  private readonly labels: JaxArray;
  private state: State;
  private loss: JaxArray | null = null;
  private steps = 0;

  private constructor(
    device: JaxDevice,
    task: TrainingTask,
    images: JaxArray,
    labels: JaxArray,
    state: State,
  ) {
    this.name = `jax-js-${device}`;
    this.device = device;
    this.task = task;
    this.images = images;
    this.labels = labels;
    this.state = state;
    this.step = jit(stepFunction(task));
  }

  /** Uploads weights and batch; the first step compiles. */
  static async build(device: JaxDevice, task: TrainingTask): Promise<JaxTrainingStep> {
    defaultDevice(device);
    const batch = batchOf(task);
    const images = np.array(batch.images as Float32Array<ArrayBuffer>, {
      shape: [task.batch, 1, task.side, task.side],
      device,
    });
    const classes = np.array(Int32Array.from(batch.labels), { dtype: np.int32, device });
    const labels = nn.oneHot(classes, task.classes).astype(np.float32);
    const parameters: JaxParameters = {};
    for (const [name, weight] of weightsOf(task)) {
      const { shape, values } = jaxLayout(task.model, name, weight);
      parameters[name] = np.array(values as Float32Array<ArrayBuffer>, { shape, device });
    }
    const zeros = () => tree.map((array: JaxArray) => np.zerosLike(array.ref), parameters);
    const state: State = { parameters, first: zeros(), second: zeros() };
    await blockUntilReady([images, labels, state] as never);
    return new JaxTrainingStep(device, task, images, labels, state);
  }

  async run(steps: number): Promise<void> {
    defaultDevice(this.device);
    for (let i = 0; i < steps; i++) {
      const [loss, state] = this.next();
      await this.loss?.blockUntilReady();
      this.loss?.dispose();
      this.loss = loss;
      this.state = state;
    }
    await blockUntilReady([this.loss, this.state] as never);
  }

  /** Mean loss of the last step's batch, before its update: [1]. */
  async result(): Promise<Float32Array> {
    if (!this.loss) throw new Error('jax-js has not run yet');
    return (await this.loss.ref.data()) as Float32Array;
  }

  private next(): [JaxArray, State] {
    const { beta1, beta2 } = this.task.optimizer;
    const { device } = this;
    this.steps++;
    return this.step(
      this.state,
      this.images.ref,
      this.labels.ref,
      np.array(1 / (1 - beta1 ** this.steps), { device }),
      np.array(1 / (1 - beta2 ** this.steps), { device }),
    );
  }
}

/** Loss, gradients and AdamW, to be jitted as one. The corrections for the moments' bias come from outside. */
function stepFunction(task: TrainingTask): StepFunction {
  const model = jaxModel(task.model);
  const { lr, beta1, beta2, eps, weightDecay } = task.optimizer;
  const decayed = new Set(
    [...weightsOf(task)].filter(([, weight]) => weight.isDecayed).map(([name]) => name),
  );
  const lossOf = (parameters: JaxParameters, images: JaxArray, labels: JaxArray): JaxArray =>
    nn
      .logSoftmax(model(parameters, images))
      .mul(labels)
      .sum()
      .mul(-1 / task.batch);
  return ({ parameters, first, second }, images, labels, correction1, correction2) => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(parameters), images, labels) as unknown as [
      JaxArray,
      JaxParameters,
    ];
    const next: State = { parameters: {}, first: {}, second: {} };
    for (const name of Object.keys(parameters)) {
      const [value, gradient] = [parameters[name], gradients[name]];
      const [m, v] = [first[name], second[name]];
      if (!value || !gradient || !m || !v) throw new Error(`jax-js: ${name} got no gradient`);
      const newM = m.mul(beta1).add(gradient.ref.mul(1 - beta1));
      const newV = v.mul(beta2).add(gradient.ref.mul(gradient).mul(1 - beta2));
      const size = np.sqrt(newV.ref.mul(correction2.ref)).add(eps);
      const move = newM.ref.mul(correction1.ref).div(size).mul(lr);
      next.parameters[name] = (decayed.has(name) ? value.mul(1 - lr * weightDecay) : value).sub(move);
      next.first[name] = newM;
      next.second[name] = newV;
    }
    correction1.dispose();
    correction2.dispose();
    return [loss, next];
  };
}

async function onDevice(
  device: JaxDevice,
  arrays: readonly { values: Float32Array; shape: number[] }[],
): Promise<JaxArray[]> {
  defaultDevice(device);
  const made = arrays.map(({ values, shape }) =>
    np.array(values as Float32Array<ArrayBuffer>, { shape, device }),
  );
  await blockUntilReady(made as never);
  return made;
}
