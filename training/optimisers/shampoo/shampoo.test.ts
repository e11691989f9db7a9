/** Shampoo on the GPU against a float64 run of its own, its roots against what defines them, and failures of them. */
import { describe, expect, it } from 'vitest';
import { shampooSpecSchema, type ShampooSpec } from '../../../contract/run-spec.ts';
import { jacobiEigen } from '../../../gpu-kernels/eigen/test-support.ts';
import { readFloats, readRegions } from '../../../gpu-kernels/readback.ts';
import { writeRegion } from '../../../gpu-kernels/region.ts';
import { batchOf, prepareLayerStep } from '../../curvature/test-net.ts';
import { entry, matrix, product, type Matrix } from '../../curvature/test-reference.ts';
import { dueWork } from '../../loop/intervals.ts';
import { expectClose } from '../../program/test-program.ts';
import {
  convolutionNet,
  cutConvolutionNet,
  cutLinearNet,
  FirstOrderMemory,
  linearNet,
  MomentsReference,
  partOf,
  type TrainedNet,
} from '../test-weights.ts';
import { Shampoo } from './shampoo.ts';

const steps = 12;
const rate = (step: number) => 0.02 * Math.min(1, step / 4);

const specOf = (settings: object): ShampooSpec =>
  shampooSpecSchema.parse({ name: 'shampoo', lr: 0.02, ...settings });

/** (A + epsilon l_max)^-p */
function inversePower(a: Matrix, { power, rootEpsilon }: ShampooSpec): Matrix {
  const n = a.rows;
  const { values, vectors } = jacobiEigen(a.data, n);
  const shift = rootEpsilon * Math.max(...values);
  const scales = values.map((l) => (Math.max(l, 0) + shift) ** (power === '1/2' ? -0.5 : -0.25));
  return matrix(n, n, (i, j) => {
    let sum = 0;
    for (let k = 0; k < n; k++)
      sum += (scales[k] ?? NaN) * (vectors[k * n + i] ?? NaN) * (vectors[k * n + j] ?? NaN);
    return sum;
  });
}

class ShampooReference {
  readonly memory: FirstOrderMemory;
  private readonly net: TrainedNet;
  private readonly spec: ShampooSpec;
  private readonly moments: MomentsReference;
  private readonly roots = new Map<string, { L: Matrix; R: Matrix }>();

  constructor(spec: ShampooSpec, net: TrainedNet) {
    this.spec = spec;
    this.net = net;
    this.memory = new FirstOrderMemory(net, spec, spec.grafting === 'sgd');
    this.moments = new MomentsReference(net, spec.factorDecay);
  }

  step(step: number): void {
    const { memory, moments, roots, spec } = this;
    moments.take(memory.take(batchOf(step)));
    if (dueWork(spec, step).inverses) {
      for (const [name, { L, R }] of moments.moments)
        roots.set(name, { L: inversePower(L, spec), R: inversePower(R, spec) });
    }
    memory.moveOthers(rate(step));
    for (const part of this.net.parts) {
      const root = roots.get(part.name) as { L: Matrix; R: Matrix };
      const m = partOf(part, memory.first.get(part.parameter));
      const direction = product(product(root.L, m), root.R).data;
      const own = partOf(part, memory.stepOf(part.parameter)).data;
      const length = Math.hypot(...own) / Math.hypot(...direction);
      memory.movePart(
        part,
        direction.map((d) => length * d),
        rate(step),
        spec.weightDecay,
      );
    }
  }
}

const prepare = (spec: ShampooSpec, net = linearNet) =>
  prepareLayerStep(spec, (gpu, layers) => new Shampoo(gpu, layers, spec), net.values(), net.trace);

function scalarsOf(spec: ShampooSpec, step: number, weight: number) {
  const isSgd = spec.grafting === 'sgd';
  return {
    index: step,
    lr: rate(step),
    correction1: isSgd ? 1 : 1 / (1 - spec.beta1 ** step),
    correction2: isSgd ? 1 : 1 / (1 - spec.beta2 ** step),
    factorMix: 1 / weight,
  };
}

/**
 * The shift keeps (l + e)^-p to f32's rounding of l_max, 6e-8 / rootEpsilon, times the share of the momentum that lies
 * where l is small. Measured on SwiftShader over twelve steps: at most 8e-7.
 */
const tolerance = 5e-6;

/** Trains on the GPU and in float64, and compares every parameter after every step. */
async function expectSameRun(spec: ShampooSpec, net: TrainedNet): Promise<void> {
  const engine = await prepare(spec, net);
  const reference = new ShampooReference(spec, net);
  let weight = 0;
  for (let step = 1; step <= steps; step++) {
    weight = spec.factorDecay * weight + 1;
    const { inverses } = dueWork(spec, step);
    const work = ['forward', 'backward', 'factors', 'precondition', 'update'] as const;
    engine.run(batchOf(step), scalarsOf(spec, step, weight), inverses ? [...work, 'inverses'] : work);
    reference.step(step);
    for (const [name, expected] of reference.memory.values)
      expectClose(await engine.valuesOf(name), expected, tolerance, `${name}, step ${step}`);
  }
  for (const [name, expected] of reference.memory.values) {
    const start = net.values().get(name);
    const moved = Math.max(...expected.map((w, i) => Math.abs(w - (start?.[i] ?? NaN))));
    expect(moved, `${name} moved`).toBeGreaterThan(0.02);
  }
}

describe('a run', () => {
  it.each([
    { power: '1/4', grafting: 'adam', rootEpsilon: 1e-4 },
    { power: '1/4', grafting: 'sgd', rootEpsilon: 1e-3, denseSteps: 2, rootInterval: 3 },
    { power: '1/2', grafting: 'adam', rootEpsilon: 1e-3, denseSteps: 1, rootInterval: 4 },
    { power: '1/2', grafting: 'sgd', rootEpsilon: 1e-2 },
  ])('follows float64 step by step: %o', async (settings) => {
    const spec = specOf({ ...settings, weightDecay: 0.4, otherLrMultiplier: 2, factorDecay: 0.8 });
    await expectSameRun(spec, linearNet);
  });

  it.each([
    ['a convolution', convolutionNet, Infinity],
    ['a linear layer with a side cut in two', cutLinearNet, 4],
    ['a convolution with a side cut in two', cutConvolutionNet, 4],
  ])('follows float64 step by step: %s', async (_, net, maxFactorSide) => {
    const spec = specOf({
      rootEpsilon: 1e-3,
      weightDecay: 0.4,
      factorDecay: 0.8,
      denseSteps: 2,
      rootInterval: 3,
    });
    await expectSameRun({ ...spec, maxFactorSide }, net);
  });
});

describe('clipping', () => {
  it('shortens the momentum and leaves the moments of gradients alone', async () => {
    const [whole, clipped] = await Promise.all([null, 0.01].map((clipNorm) => prepare(specOf({ clipNorm }))));
    if (!whole || !clipped) throw new Error('two steps were prepared');
    for (const engine of [whole, clipped]) engine.run(batchOf(1), { factorMix: 1 });
    const scale = 0.01 / Math.hypot(...(await readFloats(whole.gpu, whole.arenas.gradients)));
    expect(scale).toBeLessThan(0.1);
    const directions = await Promise.all(
      [whole, clipped].map(({ gpu, rule }) => readFloats(gpu, rule.preconditioner.direction)),
    );
    const expected = (directions[0] ?? new Float32Array()).map((x) => scale * x);
    expectClose(directions[1] ?? [], expected, 2e-6);
    const moments = [whole, clipped].map(({ gpu, rule }) => readFloats(gpu, rule.moments.averages.whole));
    expect(await moments[1]).toEqual(await moments[0]);
  });
});

/** Padded matrices of one side of the two weights, by the weights' names. */
async function rootsOf(engine: Awaited<ReturnType<typeof prepare>>): Promise<Map<string, Matrix>> {
  const { layout, powers } = engine.rule;
  const found = new Map<string, Matrix>();
  for (const [index, group] of layout.groups.entries()) {
    for (const side of ['a', 'g'] as const) {
      const n = side === 'a' ? group.columns : group.rows;
      const all = await readFloats(engine.gpu, powers.groups[index]?.[side] ?? powers.all);
      for (const [slot, { name, layer }] of group.layers.entries()) {
        const size = side === 'a' ? layer.inputs : layer.outputs;
        const own = matrix(size, size, (i, j) => all[slot * n * n + i * n + j] ?? NaN);
        found.set(`${side === 'a' ? 'R' : 'L'} of ${name}`, own);
      }
    }
  }
  return found;
}

describe('inverse roots', () => {
  it.each([
    ['1/4', 4],
    ['1/2', 2],
  ] as const)(
    'of power %s give back the shifted moments’ inverse when multiplied with themselves',
    async (power, times) => {
      const spec = specOf({ power, rootEpsilon: 0.01 });
      const engine = await prepare(spec);
      engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors', 'inverses']);
      const moments = new MomentsReference(linearNet, spec.factorDecay);
      moments.take(new FirstOrderMemory(linearNet, spec).take(batchOf(1)));
      const roots = await rootsOf(engine);
      for (const { name } of linearNet.parts) {
        const layer = name.replace('.weight', '');
        for (const side of ['L', 'R'] as const) {
          const a = moments.moments.get(name)?.[side] as Matrix;
          const root = roots.get(`${side} of ${layer}`) as Matrix;
          let inverse = root;
          for (let i = 1; i < times; i++) inverse = product(inverse, root);
          const shift = 0.01 * Math.max(...jacobiEigen(a.data, a.rows).values);
          const shifted = matrix(a.rows, a.rows, (i, j) => entry(a, i, j) + (i === j ? shift : 0));
          const identity = matrix(a.rows, a.rows, (i, j) => (i === j ? 1 : 0));
          // The condition number is 101, of which a rounding of 6e-8 of the largest eigenvalue is 6e-6.
          expectClose(product(inverse, shifted).data, identity.data, 5e-5, `${side} of ${layer}`);
        }
      }
    },
  );

  it('stay as they were where the moments are not finite, and are counted; a reset forgets both', async () => {
    const spec = specOf({});
    const engine = await prepare(spec);
    const { gpu, rule } = engine;
    engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors', 'inverses']);
    const before = await rootsOf(engine);
    const matrices = rule.sides.matrices;
    const at = matrices.findIndex((m) => m.member.name === 'first' && m.side === 'a');
    const moments = await readFloats(gpu, rule.moments.averages.whole);
    moments[(matrices[at]?.offset ?? 0) + 1] = NaN;
    writeRegion(
      gpu,
      rule.moments.averages.whole,
      moments.map((x) => 16 * x),
    );
    engine.run(batchOf(1), {}, ['inverses']);
    const after = await rootsOf(engine);
    expect(after.get('R of first')).toEqual(before.get('R of first'));
    // Sixteen times the moments: half the root.
    const halved = before.get('L of first')?.data.map((x) => x / 2) ?? [];
    expectClose(after.get('L of first')?.data ?? [], halved, 1e-4);
    const [counts] = await readRegions(gpu, [rule.failures.counts]);
    expect([...new Uint32Array(counts ?? [])].slice(0, matrices.length)).toEqual(
      matrices.map((_, i) => (i === at ? 1 : 0)),
    );
    expect(rule.failures.describe(at, 1, { step: 1, damping: 0, raise: 1 })).toBe(
      'R of first: no inverse root. Old root kept.',
    );
    expect(rule.state).toContain(rule.powers.all);
  });
});

describe('a weight with a side beyond the cap', () => {
  it('falls into blocks that together cover it once', async () => {
    const spec = specOf({});
    const { rule } = await prepareLayerStep(spec, (gpu, layers) => {
      const capped = { ...spec, maxFactorSide: 4 };
      return new Shampoo(gpu, layers, capped);
    });
    const spans = rule.layout.layers.filter(({ name }) => name.startsWith('first'));
    expect(spans).toHaveLength(2);
    const covered = spans.flatMap(({ layer }) =>
      Array.from({ length: layer.outputs * layer.inputs }, (_, i) => {
        const [row, column] = [Math.floor(i / layer.inputs), i % layer.inputs];
        return layer.weight.offset + row * (layer.rowStride ?? 0) + column * (layer.columnStride ?? 0);
      }),
    );
    expect(covered.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(new Set(spans.map(({ name }) => name)).size).toBe(2);
  });
});
