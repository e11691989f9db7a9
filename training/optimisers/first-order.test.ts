/** First-order steps against the same formulas in float64, over twenty steps and every kind of parameter rule. */
import { describe, expect, it } from 'vitest';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import type { AdapterClass, GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch, type RecordedDispatch } from '../../gpu-kernels/dispatch.ts';
import { readFloats, readRegions } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { expectClose, noise } from '../program/test-program.ts';
import { adam, sgd, type OptimiserArenas } from './first-order.ts';
import { GradientClip } from './gradient-clip.ts';
import { MomentWeights } from './moment-weights.ts';
import { ruleTable, type ParameterRule } from './parameter-groups.ts';

const steps = 20;
/**
 * A dozen f32 roundings per step and twenty steps of numbers near 1; Adam's division makes errors of small gradients
 * (and of a small value's pull) large. Measured on SwiftShader: 5.5e-6.
 */
const tolerance = 1e-5;

/** The decays are exact in f32, like everything that the reference must agree on. */
const rules: Record<string, ParameterRule> = {
  plain: { lrScale: 1, weightDecay: 0, weightDecayKind: 'decoupled', isUpdated: true },
  decayed: { lrScale: 1, weightDecay: 0.25, weightDecayKind: 'decoupled', isUpdated: true },
  pulled: { lrScale: 2, weightDecay: 0.25, weightDecayKind: 'l2', isUpdated: true },
  scaled: { lrScale: 3, weightDecay: 0.125, weightDecayKind: 'decoupled', isUpdated: true },
  left: { lrScale: 1, weightDecay: 0.5, weightDecayKind: 'decoupled', isUpdated: false },
  leftPulled: { lrScale: 1, weightDecay: 0.5, weightDecayKind: 'l2', isUpdated: false },
};
/** Parameters that fill their blocks, and ones that leave a rest. */
const shapes = [[8, 8], [5], [10, 13], [7, 9], [3], [2, 33]];

interface Numbers {
  values: Float64Array;
  first: Float64Array;
  second: Float64Array;
}

/** Rate of a step and the gradient it sees, both exact in f32. Gradients grow: clipping sets in on the way. */
const rate = (step: number) => 2 ** -4 * (1 - step / 32);
const gradientAt = (length: number, step: number) => noise(length, 40 + step).map((g) => (g * step) / 16);

interface SetUp {
  gpu: GpuContext;
  parameters: Parameters;
  arenas: OptimiserArenas;
  clip: GradientClip | null;
}

async function setUp(clipNorm: number | null, adapterClass?: AdapterClass): Promise<SetUp> {
  const own = await testGpu();
  const gpu = { ...own, adapterClass: adapterClass ?? own.adapterClass };
  const parameters = new Parameters();
  shapes.forEach((shape, i) => {
    parameters.obtain(Object.keys(rules)[i] ?? '', shape, 'weight', (_, count) => new Float32Array(count));
  });
  parameters.allocate(gpu);
  const length = parameters.arenaLength;
  const clip = clipNorm === null ? null : new GradientClip(gpu, parameters, clipNorm);
  return {
    gpu,
    parameters,
    clip,
    arenas: {
      values: uploaded(gpu, 'values', noise(length, 1)),
      gradients: emptyRegion(gpu, 'gradients', length),
      first: emptyRegion(gpu, 'first', length),
      second: emptyRegion(gpu, 'second', length),
      rules: ruleTable(gpu, parameters, ({ name }) => rules[name] as ParameterRule),
      clipScale: clip?.scale ?? null,
      length,
    },
  };
}

interface Check {
  make: (arenas: OptimiserArenas, step: StepUniform) => Dispatch;
  weights?: MomentWeights;
  clipNorm?: number | null;
  adapterClass?: AdapterClass;
  /** Takes one number through one step; `g` is clipped and has its L2 decay. Answers how far it moves, before the rate. */
  reference: (numbers: Numbers, at: number, g: number, step: number) => number;
}

async function check({ make, weights, clipNorm = null, adapterClass, reference }: Check): Promise<void> {
  const { gpu, parameters, arenas, clip } = await setUp(clipNorm, adapterClass);
  const uniform = new StepUniform(gpu);
  const recorded = await record(gpu, [...(clip?.lower(arenas.gradients) ?? []), make(arenas, uniform)]);
  const { length } = arenas;
  const expected: Numbers = {
    values: noise(length, 1),
    first: new Float64Array(length),
    second: new Float64Array(length),
  };
  const scales: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const gradient = gradientAt(length, step);
    writeRegion(gpu, arenas.gradients, Float32Array.from(gradient));
    const still = { correction1: 1, correction2: 1 };
    const scalars = { index: step, seed: 0, slot: 0, lr: rate(step), factorMix: 0 };
    uniform.write({ ...scalars, ...(weights?.next() ?? still) });
    submit(gpu, recorded);
    const scale = clipScale(parameters, gradient, clipNorm);
    scales.push(scale);
    everyNumber(parameters, (at, rule) => {
      const value = expected.values[at] ?? NaN;
      const [decoupled, l2] = rule.weightDecayKind === 'l2' ? [0, rule.weightDecay] : [rule.weightDecay, 0];
      const moved = reference(expected, at, scale * (gradient[at] ?? NaN) + l2 * value, step);
      const lr = rate(step) * rule.lrScale;
      if (rule.isUpdated) expected.values[at] = value * (1 - lr * decoupled) - lr * moved;
    });
  }
  if (clipNorm !== null) {
    expect(scales.some((scale) => scale === 1)).toBe(clipNorm > 1);
    expect(scales.some((scale) => scale < 0.5)).toBe(clipNorm < 1e6);
  }
  await compare(gpu, parameters, arenas, expected);
}

/** torch.nn.utils.clip_grad_norm_. */
function clipScale(parameters: Parameters, gradient: Float64Array, clipNorm: number | null): number {
  if (clipNorm === null) return 1;
  let squares = 0;
  everyNumber(parameters, (at) => (squares += (gradient[at] ?? NaN) ** 2));
  return Math.min(1, clipNorm / (Math.sqrt(squares) + 1e-6));
}

function submit(gpu: GpuContext, recorded: RecordedDispatch[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, recorded);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
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
      if (!isValues) continue;
      const { isUpdated } = rules[parameter.name] as ParameterRule;
      if (isUpdated) expect(pick(got)).not.toEqual(pick(original));
      else expect(pick(got)).toEqual(pick(original));
    }
  });
}

/** Not clipped at all, far too long a norm, and one that the gradients pass on their way. */
const clipNorms = [null, 1e9, 3, 0.01];

describe('adamw', () => {
  it.each(clipNorms)(
    'is bias-corrected moments and either decay; blocks left to another rule keep their moments. Clipped to %s',
    async (clipNorm) => {
      const spec = { beta1: 0.9, beta2: 0.99, eps: 1e-3 };
      const { beta1, beta2, eps } = spec;
      await check({
        make: (arenas, step) => adam(arenas, step, { ...spec, nesterov: false }),
        weights: new MomentWeights(optimizerSpecSchema.parse({ name: 'adamw', lr: 1, ...spec })),
        clipNorm,
        reference: (numbers, at, g, step) => {
          const m = (numbers.first[at] = beta1 * (numbers.first[at] ?? NaN) + (1 - beta1) * g);
          const v = (numbers.second[at] = beta2 * (numbers.second[at] ?? NaN) + (1 - beta2) * g * g);
          return m / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + eps);
        },
      });
    },
  );
});

describe('nadamw', () => {
  it.each(clipNorms)('is torch.optim.NAdam with either decay. Clipped to %s', async (clipNorm) => {
    const spec = { beta1: 0.9, beta2: 0.99, eps: 1e-3 };
    const { beta1, beta2, eps } = spec;
    const mu = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * 0.004));
    const product = (upTo: number) =>
      Array.from({ length: upTo }, (_, i) => mu(i + 1)).reduce((all, factor) => all * factor, 1);
    await check({
      make: (arenas, step) => adam(arenas, step, { ...spec, nesterov: true }),
      weights: new MomentWeights(optimizerSpecSchema.parse({ name: 'nadamw', lr: 1, ...spec })),
      clipNorm,
      reference: (numbers, at, g, step) => {
        const m = (numbers.first[at] = beta1 * (numbers.first[at] ?? NaN) + (1 - beta1) * g);
        const v = (numbers.second[at] = beta2 * (numbers.second[at] ?? NaN) + (1 - beta2) * g * g);
        const length = Math.sqrt(v / (1 - beta2 ** step)) + eps;
        const ofGradient = (g * (1 - mu(step))) / (1 - product(step));
        const ofMomentum = (m * mu(step + 1)) / (1 - product(step + 1));
        return (ofGradient + ofMomentum) / length;
      },
    });
  });
});

describe('sgd', () => {
  it.each([false, true].flatMap((nesterov) => clipNorms.map((clipNorm) => [nesterov, clipNorm] as const)))(
    'is torch.optim.SGD with either decay; blocks left to another rule keep their buffer. Nesterov: %s, clipped to %s',
    async (nesterov, clipNorm) => {
      const momentum = 0.75;
      await check({
        make: (arenas, step) => sgd(arenas, step, { momentum, nesterov }),
        clipNorm,
        reference: (numbers, at, g) => {
          const buffer = (numbers.first[at] = momentum * (numbers.first[at] ?? NaN) + g);
          return nesterov ? g + momentum * buffer : buffer;
        },
      });
    },
  );

  it.each(['gpu', 'software'] as const)('is clipped on an adapter of class %s', async (adapterClass) => {
    await check({
      make: (arenas, step) => sgd(arenas, step, { momentum: 0, nesterov: false }),
      clipNorm: 3,
      adapterClass,
      reference: (numbers, at, g) => (numbers.first[at] = g),
    });
  });
});

describe('the clip scale', () => {
  it.each(['gpu', 'software'] as const)(
    'is that of a long arena, whose padding counts for nothing; twice the same bits: %s',
    async (adapterClass) => {
      const gpu = { ...(await testGpu()), adapterClass };
      const parameters = new Parameters();
      for (const [i, length] of [70_001, 1, 63, 700_003].entries()) {
        parameters.obtain(`p${i}`, [length], 'weight', (_, count) => new Float32Array(count));
      }
      parameters.allocate(gpu);
      const clip = new GradientClip(gpu, parameters, 1);
      const gradient = noise(parameters.arenaLength, 3);
      const gradients = uploaded(gpu, 'gradients', gradient);
      const recorded = await record(gpu, clip.lower(gradients));
      const expected = 1 / Math.sqrt(squaresOf(parameters, gradient));
      const read = async () => {
        submit(gpu, recorded);
        return (await readFloats(gpu, clip.scale))[0] ?? NaN;
      };
      const scale = await read();
      expect(scale / expected).toBeCloseTo(1, 6);
      expect(await read()).toBe(scale);
    },
  );
});

function squaresOf(parameters: Parameters, gradient: Float64Array): number {
  return parameters.all
    .flatMap(({ offset, shape: [length = 0] }) => [...gradient.subarray(offset, offset + length)])
    .reduce((sum, g) => sum + g * g, 0);
}
