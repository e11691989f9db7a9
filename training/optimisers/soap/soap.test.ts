/** SOAP on the GPU against a float64 run of its own, its bases against what they must diagonalise, and failures. */
import { describe, expect, it } from 'vitest';
import { soapSpecSchema, type SoapSpec } from '../../../contract/run-spec.ts';
import { readFloats, readRegions } from '../../../gpu-kernels/readback.ts';
import { writeRegion } from '../../../gpu-kernels/region.ts';
import { batchOf, prepareLayerStep, type LayerStep } from '../../curvature/test-net.ts';
import { entry, matrix, product, type Matrix } from '../../curvature/test-reference.ts';
import { dueWork, phasesDue } from '../../loop/intervals.ts';
import { expectClose } from '../../program/test-program.ts';
import {
  convolutionNet,
  cutConvolutionNet,
  cutLinearNet,
  FirstOrderMemory,
  linearNet,
  MomentsReference,
  partOf,
  transposed,
  type TrainedNet,
} from '../test-weights.ts';
import { Soap } from './soap.ts';

const steps = 13;
const rate = (step: number) => 0.02 * Math.min(1, step / 4);

const specOf = (settings: object): SoapSpec => soapSpecSchema.parse({ name: 'soap', lr: 0.02, ...settings });

const prepare = (spec: SoapSpec, net = linearNet) =>
  prepareLayerStep(spec, (gpu, layers) => new Soap(gpu, layers, spec), net.values(), net.trace);

/** Bases by the weights' names, their vectors as rows. */
interface Bases {
  L: Matrix;
  R: Matrix;
}

async function readBases({ gpu, rule }: LayerStep<Soap>, net = linearNet): Promise<Map<string, Bases>> {
  const all = await readFloats(gpu, rule.eigenbases.bases.whole);
  const found = new Map<string, Bases>();
  for (const { name } of net.parts) {
    const basis = (side: 'a' | 'g'): Matrix => {
      const place = rule.sides.matrices.find((m) => m.side === side && `${m.member.name}.weight` === name);
      if (!place) throw new Error(`${name} has bases`);
      return matrix(place.size, place.size, (i, j) => all[place.offset + i * place.padded + j] ?? NaN);
    };
    found.set(name, { L: basis('g'), R: basis('a') });
  }
  return found;
}

/** Rows of V A in the order of q . A q, orthonormalised one after another, and that order. */
function follow(basis: Matrix, moments: Matrix): { basis: Matrix; order: number[] } {
  const image = product(basis, moments);
  const n = basis.rows;
  const row = (m: Matrix, i: number) => m.data.slice(i * n, (i + 1) * n);
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, a, i) => sum + a * (y[i] ?? NaN), 0);
  const keys = Array.from({ length: n }, (_, i) => dot(row(basis, i), row(image, i)));
  const order = keys.map((_, i) => i).sort((i, j) => (keys[j] ?? NaN) - (keys[i] ?? NaN));
  const rows: Float64Array[] = [];
  for (const index of order) {
    let next = row(image, index);
    // Three times: a column that hardly differs from the others loses its digits in the first.
    for (let pass = 0; pass < 3; pass++) {
      for (const other of rows) {
        const along = dot(other, next);
        next = next.map((x, i) => x - along * (other[i] ?? NaN));
      }
      const length = Math.sqrt(dot(next, next));
      next = next.map((x) => x / length);
    }
    rows.push(next);
  }
  return { basis: matrix(n, n, (i, j) => rows[i]?.[j] ?? NaN), order };
}

class SoapReference {
  readonly memory: FirstOrderMemory;
  readonly bases: Map<string, Bases>;
  private readonly net: TrainedNet;
  private readonly spec: SoapSpec;
  private readonly moments: MomentsReference;
  private readonly squares = new Map<string, Matrix>();
  private count = 0;

  /** The first step; `bases` are eigenvectors of its moments, checked on their own. */
  constructor(spec: SoapSpec, bases: Map<string, Bases>, net: TrainedNet) {
    this.spec = spec;
    this.net = net;
    this.bases = bases;
    this.memory = new FirstOrderMemory(net, spec);
    this.moments = new MomentsReference(net, spec.factorDecay);
    this.moments.take(new FirstOrderMemory(net, spec).take(batchOf(1)));
    for (const { name, rows, columns } of net.parts)
      this.squares.set(
        name,
        matrix(rows, columns, () => 0),
      );
  }

  step(step: number): void {
    const { memory, moments, spec, bases, squares } = this;
    const { beta1, beta2, eps } = spec;
    const k = ++this.count;
    const gradients = memory.take(batchOf(step));
    memory.moveOthers(rate(step));
    for (const part of this.net.parts) {
      const { name, parameter, rows, columns } = part;
      const { L, R } = bases.get(name) as Bases;
      const into = (data: Float64Array | undefined) => product(product(L, partOf(part, data)), transposed(R));
      const g = into(gradients.get(parameter));
      const m = into(memory.first.get(parameter));
      const s = matrix(rows, columns, (i, j) => {
        const old = entry(squares.get(name) as Matrix, i, j);
        return beta2 * old + (1 - beta2) * entry(g, i, j) ** 2;
      });
      squares.set(name, s);
      const turned = matrix(rows, columns, (i, j) => {
        const root = Math.sqrt(entry(s, i, j) / (1 - beta2 ** k));
        return entry(m, i, j) / (1 - beta1 ** k) / (root + eps);
      });
      memory.movePart(part, product(product(transposed(L), turned), R).data, rate(step), spec.weightDecay);
    }
    moments.take(gradients);
    if (!dueWork(spec, step).inverses) return;
    for (const [name, { L, R }] of moments.moments) {
      const old = bases.get(name) as Bases;
      const [left, right] = [follow(old.L, L), follow(old.R, R)];
      bases.set(name, { L: left.basis, R: right.basis });
      const s = squares.get(name) as Matrix;
      squares.set(
        name,
        matrix(s.rows, s.columns, (i, j) => entry(s, left.order[i] ?? 0, right.order[j] ?? 0)),
      );
    }
  }
}

function scalarsOf(spec: SoapSpec, step: number, weight: number) {
  const k = Math.max(1, step - 1);
  return {
    index: step,
    lr: rate(step),
    correction1: 1 / (1 - spec.beta1 ** k),
    correction2: 1 / (1 - spec.beta2 ** k),
    factorMix: 1 / weight,
  };
}

/** Submits a step as the training loop does. */
function run(engine: LayerStep<Soap>, spec: SoapSpec, step: number, weight: number): void {
  const due = dueWork(spec, step);
  engine.run(batchOf(step), scalarsOf(spec, step, weight), [...phasesDue(due)]);
  if (due.isStart) engine.start();
}

/**
 * Adam divides by the size of what it sees, so where gradients cancel (rows of the head's gradient sum to zero) it would
 * divide one rounding by another; eps keeps roundings of 1e-8 to a thousandth of f32's. What is left comes from basis
 * vectors of small eigenvalues, which f32 finds to 6e-8 l_max / l. Measured on SwiftShader: below 3e-6.
 */
const eps = 1e-3;
const tolerance = 1e-5;

/** Trains on the GPU and in float64, and compares every parameter after every step and the bases at the end. */
async function expectSameRun(spec: SoapSpec, net: TrainedNet): Promise<void> {
  const engine = await prepare(spec, net);
  run(engine, spec, 1, 1);
  for (const [name, start] of net.values())
    expect([...(await engine.valuesOf(name))], `${name} after the first step`).toEqual([...start]);
  const reference = new SoapReference(spec, await readBases(engine, net), net);
  let weight = 1;
  for (let step = 2; step <= steps; step++) {
    weight = spec.factorDecay * weight + 1;
    run(engine, spec, step, weight);
    reference.step(step);
    for (const [name, expected] of reference.memory.values)
      expectClose(await engine.valuesOf(name), expected, tolerance, `${name}, step ${step}`);
  }
  for (const [name, found] of await readBases(engine, net)) {
    for (const side of ['L', 'R'] as const) {
      // Vectors may differ by their sign.
      const overlaps = product(found[side], transposed((reference.bases.get(name) as Bases)[side]));
      const identity = matrix(overlaps.rows, overlaps.rows, (i, j) => (i === j ? 1 : 0));
      expectClose(overlaps.data.map(Math.abs), identity.data, 1e-3, `${side} of ${name}`);
    }
  }
  for (const [name, expected] of reference.memory.values) {
    const start = net.values().get(name);
    const moved = Math.max(...expected.map((w, i) => Math.abs(w - (start?.[i] ?? NaN))));
    expect(moved, `${name} moved`).toBeGreaterThan(0.02);
  }
}

describe('a run', () => {
  it.each([
    { basisInterval: 3 },
    { basisInterval: 4, beta1: 0.9, beta2: 0.99, factorDecay: 0.8, weightDecay: 0.4, otherLrMultiplier: 2 },
    { basisInterval: 100 },
  ])('follows float64 step by step: %o', async (settings) => {
    await expectSameRun(specOf({ ...settings, eps }), linearNet);
  });

  it.each([
    ['a convolution', convolutionNet, Infinity],
    ['a linear layer with a side cut in two', cutLinearNet, 4],
    ['a convolution with a side cut in two', cutConvolutionNet, 4],
  ])('follows float64 step by step: %s', async (_, net, maxFactorSide) => {
    await expectSameRun({ ...specOf({ basisInterval: 4, weightDecay: 0.4, eps }), maxFactorSide }, net);
  });
});

describe('clipping', () => {
  it('shortens what Adam sees in the bases, and leaves moments and bases alone', async () => {
    const [whole, clipped] = await Promise.all([null, 0.01].map((clipNorm) => prepare(specOf({ clipNorm }))));
    if (!whole || !clipped) throw new Error('two steps were prepared');
    for (const engine of [whole, clipped]) {
      run(engine, specOf({}), 1, 1);
      run(engine, specOf({}), 2, 1);
    }
    const gradient = await readFloats(whole.gpu, whole.arenas.gradients);
    const scale = 0.01 / Math.hypot(...gradient);
    expect(scale).toBeLessThan(0.1);
    const squares = await readFloats(whole.gpu, whole.rule.squares.whole);
    expectClose(
      (await readFloats(clipped.gpu, clipped.rule.squares.whole)).map((x) => 1e6 * x),
      squares.map((x) => 1e6 * scale * scale * x),
      1e-5,
    );
    const moments = [whole, clipped].map(({ gpu, rule }) => readFloats(gpu, rule.moments.averages.whole));
    expect(await moments[1]).toEqual(await moments[0]);
  });
});

describe('bases', () => {
  it('start as eigenvectors of the first gradient’s moments, the largest eigenvalue first', async () => {
    const spec = specOf({});
    const engine = await prepare(spec);
    run(engine, spec, 1, 1);
    const moments = new MomentsReference(linearNet, spec.factorDecay);
    moments.take(new FirstOrderMemory(linearNet, spec).take(batchOf(1)));
    for (const [name, bases] of await readBases(engine)) {
      for (const side of ['L', 'R'] as const) {
        const basis = bases[side];
        const n = basis.rows;
        const identity = matrix(n, n, (i, j) => (i === j ? 1 : 0));
        expectClose(product(basis, transposed(basis)).data, identity.data, 2e-6, `${side} of ${name}`);
        const a = (moments.moments.get(name) as Bases)[side];
        const turned = product(product(basis, a), transposed(basis));
        const values = Array.from({ length: n }, (_, i) => entry(turned, i, i));
        expect(values).toEqual([...values].sort((x, y) => y - x));
        turned.data.forEach((x, at) => {
          const isDiagonal = at % (n + 1) === 0;
          if (!isDiagonal) expect(Math.abs(x) / (values[0] ?? NaN)).toBeLessThan(1e-5);
        });
      }
    }
  });

  it.each(['start', 'refresh'])(
    'stay as they were where moments are not finite, at the %s, and are counted',
    async (when) => {
      const spec = specOf({});
      const engine = await prepare(spec);
      const { gpu, rule } = engine;
      run(engine, spec, 1, 1);
      const before = await readBases(engine);
      const { matrices } = rule.sides;
      const at = matrices.findIndex((m) => m.member.name === 'first' && m.side === 'a');
      const moments = await readFloats(gpu, rule.moments.averages.whole);
      moments[(matrices[at]?.offset ?? 0) + 1] = NaN;
      writeRegion(gpu, rule.moments.averages.whole, moments);
      const squares = Float32Array.from({ length: rule.layout.length }, (_, i) => i);
      writeRegion(gpu, rule.squares.whole, squares);
      if (when === 'start') engine.start();
      else engine.run(batchOf(1), {}, ['inverses']);
      const after = await readBases(engine);
      expect(after.get('first.weight')?.R).toEqual(before.get('first.weight')?.R);
      const [counts] = await readRegions(gpu, [rule.failures.counts]);
      expect([...new Uint32Array(counts ?? [])].slice(0, matrices.length)).toEqual(
        matrices.map((_, i) => (i === at ? 1 : 0)),
      );
      const newest = { step: 1, damping: 0, raise: 1 };
      expect(rule.failures.describe(at, 2, newest)).toBe(
        'R of first: no eigenbasis 2 times. Old basis kept.',
      );
      rule.reset(gpu);
      const { R } = (await readBases(engine)).get('first.weight') as Bases;
      expect(R.data).toEqual(matrix(R.rows, R.rows, (i, j) => (i === j ? 1 : 0)).data);
    },
  );

  it('keep the order of their eigenvalues, and take Adam’s second moment with them', async () => {
    const engine = await prepare(specOf({}));
    const { gpu, rule } = engine;
    rule.reset(gpu);
    const moments = new Float32Array(rule.sides.length);
    // Of unit vectors the last has the largest eigenvalue.
    for (const { offset, size, padded } of rule.sides.matrices)
      for (let i = 0; i < size; i++) moments[offset + i * (padded + 1)] = i + 1;
    writeRegion(gpu, rule.moments.averages.whole, moments);
    const group = rule.layout.groups.find(({ layers }) => layers.some(({ name }) => name === 'first'));
    const { layer } = group?.layers.find(({ name }) => name === 'first') ?? {};
    if (!group || !layer) throw new Error('the net has a layer named first');
    const slot = group.layers.findIndex(({ name }) => name === 'first');
    const first = group.offset + slot * group.stride;
    const squares = new Float32Array(rule.layout.length);
    const at = (i: number, j: number) => first + i * group.columns + j;
    for (let i = 0; i < layer.outputs; i++)
      for (let j = 0; j < layer.inputs; j++) squares[at(i, j)] = 10 * i + j;
    writeRegion(gpu, rule.squares.whole, squares);
    engine.run(batchOf(1), {}, ['inverses']);
    const moved = await readFloats(gpu, rule.squares.whole);
    const { L, R } = (await readBases(engine)).get('first.weight') as Bases;
    for (let i = 0; i < layer.outputs; i++) {
      const row = layer.outputs - 1 - i;
      expect(Math.abs(entry(L, i, row))).toBeCloseTo(1, 6);
      for (let j = 0; j < layer.inputs; j++) {
        const column = layer.inputs - 1 - j;
        expect(Math.abs(entry(R, j, column))).toBeCloseTo(1, 6);
        expect(moved[at(i, j)]).toBe(10 * row + column);
      }
    }
  });
});
