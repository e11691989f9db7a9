/** First-order steps against the same formulas in float64, over several steps and every kind of parameter rule. */
import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { expectClose, noise } from '../program/test-program.ts';
import { adamw, sgd, type OptimiserArenas } from './first-order.ts';
import { ruleTable, type ParameterRule } from './parameter-groups.ts';

const steps = 5;
/** A dozen f32 roundings per step and five steps of numbers near 1; no sum is longer than three terms. */
const tolerance = 2e-6;

const rules: Record<string, ParameterRule> = {
  plain: { lrScale: 1, weightDecay: 0, isUpdated: true },
  decayed: { lrScale: 1, weightDecay: 0.3, isUpdated: true },
  scaled: { lrScale: 3, weightDecay: 0.1, isUpdated: true },
  left: { lrScale: 1, weightDecay: 0.5, isUpdated: false },
};

interface Numbers {
  values: Float64Array;
  first: Float64Array;
  second: Float64Array;
}

/** Rate of a step and the gradient it sees; gradients are exact in f32. */
const rate = (step: number) => 0.25 / 2 ** step;
const gradientAt = (length: number, step: number) => noise(length, 40 + step);

async function setUp(): Promise<{ gpu: GpuContext; parameters: Parameters; arenas: OptimiserArenas }> {
  const gpu = await testGpu();
  const parameters = new Parameters();
  // Parameters that fill their blocks, and ones that leave a rest.
  [[8, 8], [5], [10, 13], [7, 9]].forEach((shape, i) => {
    parameters.obtain(Object.keys(rules)[i] ?? '', shape, 'weight', (_, count) => new Float32Array(count));
  });
  parameters.allocate(gpu);
  const length = parameters.arenaLength;
  return {
    gpu,
    parameters,
    arenas: {
      values: uploaded(gpu, 'values', noise(length, 1)),
      gradients: emptyRegion(gpu, 'gradients', length),
      first: emptyRegion(gpu, 'first', length),
      second: emptyRegion(gpu, 'second', length),
      rules: ruleTable(gpu, parameters, ({ name }) => rules[name] as ParameterRule),
      length,
    },
  };
}

type MakeDispatch = (arenas: OptimiserArenas, step: StepUniform) => Dispatch;
type Reference = (numbers: Numbers, at: number, gradient: number, rule: ParameterRule, step: number) => void;

async function check(make: MakeDispatch, betas: [number, number], reference: Reference): Promise<void> {
  const { gpu, parameters, arenas } = await setUp();
  const uniform = new StepUniform(gpu);
  const recorded = await record(gpu, [make(arenas, uniform)]);
  const { length } = arenas;
  const expected: Numbers = {
    values: noise(length, 1),
    first: new Float64Array(length),
    second: new Float64Array(length),
  };
  for (let step = 1; step <= steps; step++) {
    const gradient = gradientAt(length, step);
    writeRegion(gpu, arenas.gradients, Float32Array.from(gradient));
    const [correction1, correction2] = [1 / (1 - betas[0] ** step), 1 / (1 - betas[1] ** step)];
    uniform.write({ index: step, seed: 0, slot: 0, lr: rate(step), correction1, correction2, factorMix: 0 });
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    replay(pass, recorded);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    everyNumber(parameters, (at, rule) => {
      reference(expected, at, gradient[at] ?? NaN, rule, step);
    });
  }
  await compare(gpu, parameters, arenas, expected);
}

function everyNumber(
  parameters: Parameters,
  visit: (at: number, rule: ParameterRule, of: Parameter) => void,
): void {
  for (const parameter of parameters.all) {
    const count = parameter.shape.reduce((product, dim) => product * dim, 1);
    for (let i = 0; i < count; i++)
      visit(parameter.offset + i, rules[parameter.name] as ParameterRule, parameter);
  }
}

/** Compares parameter by parameter: what lies between them is nobody's. */
async function compare(gpu: GpuContext, parameters: Parameters, arenas: OptimiserArenas, expected: Numbers) {
  const names = ['values', 'first', 'second'] as const;
  const read = await readRegions(
    gpu,
    names.map((name) => arenas[name]),
  );
  const original = noise(arenas.length, 1);
  names.forEach((name, i) => {
    const got = new Float32Array(read[i] ?? new ArrayBuffer(0));
    for (const parameter of parameters.all) {
      const positions: number[] = [];
      everyNumber(parameters, (at, _, of) => {
        if (of === parameter) positions.push(at);
      });
      const pick = (list: ArrayLike<number>) => positions.map((at) => list[at] ?? NaN);
      expectClose(pick(got), pick(expected[name]), tolerance, `${name} of ${parameter.name}`);
      const isValues = name === 'values';
      if (isValues && parameter.name === 'left') expect(pick(got)).toEqual(pick(original));
      if (isValues && parameter.name !== 'left') expect(pick(got)).not.toEqual(pick(original));
    }
  });
}

describe('adamw', () => {
  it('is decoupled decay and bias-corrected moments; blocks left to another rule keep their moments up to date', async () => {
    const settings = { beta1: 0.9, beta2: 0.99, eps: 1e-3 };
    const { beta1, beta2, eps } = settings;
    await check(
      (arenas, step) => adamw(arenas, step, settings),
      [beta1, beta2],
      (numbers, at, g, rule, step) => {
        const m = (numbers.first[at] = beta1 * (numbers.first[at] ?? NaN) + (1 - beta1) * g);
        const v = (numbers.second[at] = beta2 * (numbers.second[at] ?? NaN) + (1 - beta2) * g * g);
        if (!rule.isUpdated) return;
        const lr = rate(step) * rule.lrScale;
        const direction = m / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + eps);
        numbers.values[at] = (numbers.values[at] ?? NaN) * (1 - lr * rule.weightDecay) - lr * direction;
      },
    );
  });
});

describe('sgd', () => {
  it.each([false, true])(
    'is momentum on the decayed gradient as in PyTorch; Nesterov: %s',
    async (nesterov) => {
      const momentum = 0.75;
      await check(
        (arenas, step) => sgd(arenas, step, { momentum, nesterov }),
        [0, 0],
        (numbers, at, g, rule, step) => {
          if (!rule.isUpdated) return;
          const decayed = g + rule.weightDecay * (numbers.values[at] ?? NaN);
          const buffer = (numbers.first[at] = momentum * (numbers.first[at] ?? NaN) + decayed);
          const direction = nesterov ? decayed + momentum * buffer : buffer;
          numbers.values[at] = (numbers.values[at] ?? NaN) - rate(step) * rule.lrScale * direction;
        },
      );
    },
  );
});
