/** Inverse-free K-FAC and SINGD on the GPU against published one-step values and a float64 run of their own. */
import { describe, expect, it } from 'vitest';
import type { InverseFreeSpec } from '../../../contract/run-spec.ts';
import { readFloats } from '../../../gpu-kernels/readback.ts';
import { dueWork } from '../../loop/intervals.ts';
import { expectClose, noise } from '../../program/test-program.ts';
import { batchOf, netValues, prepareLayerStep } from '../test-net.ts';
import { entry, matrix, product, type Matrix } from '../test-reference.ts';
import { bothSides } from '../flavour.ts';
import { InverseFree } from './ikfac.ts';
import { identityRoot, InverseFreeReference, squareOf, transposed, updateRoots } from './test-reference.ts';
import { inverseFreeSpec, prepareRoots } from './test-roots.ts';

/** Factors of the example in which N = 2, R = 3, two inputs with a bias, two outputs, M = 2 (expand). */
function goldenFactors(): [Matrix, Matrix] {
  const [examples, positions] = [2, 3];
  const rows = examples * positions;
  const a = matrix(rows, 3, (t, i) => (i < 2 ? Math.sin(0.5 + 0.7 * (2 * t + i)) : 1));
  const g = matrix(rows, 2, (t, o) => Math.cos(0.3 + 1.1 * (2 * t + o)));
  const moment = (x: Matrix, divisor: number) => {
    const sums = product(transposed(x), x);
    return matrix(sums.rows, sums.columns, (i, j) => entry(sums, i, j) / divisor);
  };
  return [moment(a, rows), moment(g, examples)];
}

describe('one update from the identity', () => {
  const settings = { damping: 0.1, dampingRule: 'plain', curvatureLr: 0.01, curvatureClip: 'off' };
  const golden: [string, object, [side: 0 | 1, row: number, column: number, value: number][]][] = [
    [
      'SINGD',
      { name: 'singd', curvatureMomentum: 0 },
      [
        [0, 0, 0, 1.000461052],
        [0, 0, 1, -0.00345357],
        [0, 2, 2, 0.996588483],
        [1, 0, 0, 0.998931941],
        [1, 0, 1, -0.00299168],
      ],
    ],
    [
      'IKFAC',
      { name: 'ikfac' },
      [
        [0, 0, 0, 1.001947425],
        [0, 2, 2, 0.9995],
      ],
    ],
  ];

  it.each(golden)('of %s gives the reference values', async (_, own, values) => {
    const test = await prepareRoots(inverseFreeSpec({ ...settings, ...own }), 2, 2);
    test.write(goldenFactors());
    test.update(1);
    const { roots } = await test.read();
    for (const [side, row, column, value] of values) {
      // One rounding of f32 near 1, and the ten digits of the reference.
      expect(Math.abs(entry(roots[side], row, column) - value)).toBeLessThan(1.3e-7);
    }
  });
});

const steps = 12;
const rate = (step: number) => 0.02 * Math.min(1, step / 4);
/**
 * Every update multiplies a root by a matrix near the identity, whose roundings of 6e-8 add up over twelve steps.
 * Twelve steps were measured on SwiftShader to stay below 3e-7.
 */
const tolerance = 2e-6;

async function compareRuns(spec: InverseFreeSpec): Promise<void> {
  const flavour = spec.flavour === 'reduce' ? 'reduce' : 'expand';
  const create = (...[gpu, layers]: Parameters<Parameters<typeof prepareLayerStep>[1]>) =>
    new InverseFree(gpu, layers, spec, () => bothSides(flavour));
  const engine = await prepareLayerStep(spec, create);
  const reference = new InverseFreeReference(spec, netValues());
  for (let step = 1; step <= steps; step++) {
    const due = dueWork(spec, step);
    const scalars = {
      index: step,
      lr: rate(step),
      correction1: 1 / (1 - spec.beta1 ** step),
      correction2: 1 / (1 - spec.beta2 ** step),
      factorMix: 1,
    };
    engine.run(batchOf(step), scalars, [
      'forward',
      'backward',
      ...(due.factors ? (['factors', 'inverses'] as const) : []),
      'precondition',
      'update',
    ]);
    reference.step(step, rate(step), batchOf(step), due);
    for (const [name, expected] of reference.values) {
      expectClose(await engine.valuesOf(name), expected, tolerance, `${name}, step ${step}`);
    }
  }
  const start = netValues();
  for (const [name, expected] of reference.values) {
    const moved = Math.max(...expected.map((w, i) => Math.abs(w - (start.get(name)?.[i] ?? NaN))));
    expect(moved, `${name} moved`).toBeGreaterThan(0.02);
  }
}

describe('a run', () => {
  const shared = { fisher: 'empirical', weightDecay: 0.4, otherLrMultiplier: 2, curvatureLr: 0.3 };
  const everyStep = { denseSteps: steps };
  const thrifty = { denseSteps: 2, factorInterval: 3 };
  it.each([
    ['ikfac', 'expand', 'relative', 'on', everyStep],
    ['ikfac', 'reduce', 'plain', 'off', thrifty],
    ['singd', 'expand', 'plain', 'on', thrifty],
    ['singd', 'reduce', 'relative', 'off', everyStep],
  ])(
    'of %s %s with %s damping and the clip %s follows float64 step by step',
    async (name, flavour, dampingRule, curvatureClip, intervals) => {
      await compareRuns(
        inverseFreeSpec({ ...shared, name, flavour, dampingRule, curvatureClip, ...intervals }),
      );
    },
  );
});

describe('a factor that is large', () => {
  const large: [Matrix, Matrix] = [
    matrix(6, 6, (i, j) => (i === j ? 4000 : 100)),
    matrix(4, 4, (i, j) => (i === j ? 3000 : -200)),
  ];

  it.each(['ikfac', 'singd'])(
    'keeps the roots of %s finite and growing towards it, with the clip',
    async (name) => {
      const spec = inverseFreeSpec({ name, dampingRule: 'plain', damping: 0.1, curvatureLr: 0.5 });
      const test = await prepareRoots(spec, 5, 4);
      test.write(large);
      let expected: ReturnType<typeof updateRoots> = [identityRoot(6), identityRoot(4)];
      for (let i = 0; i < 30; i++) expected = updateRoots(spec, large, expected);
      test.update(30);
      const { inverses, failures } = await test.read();
      expectClose(inverses[0].data, squareOf(expected[0]).data, 1e-5);
      expectClose(inverses[1].data, squareOf(expected[1]).data, 1e-5);
      expect(failures).toEqual([0, 0]);
    },
  );
});

describe('a factor that is not finite', () => {
  it('leaves its root as it was, is counted, and does no harm later', async () => {
    const spec = inverseFreeSpec({});
    const good: [Matrix, Matrix] = [
      matrix(6, 6, (i, j) => (i === j ? 2 : 0.1)),
      matrix(4, 4, (i, j) => (i === j ? 1 : 0.2)),
    ];
    const test = await prepareRoots(spec, 5, 4);
    test.write(good);
    test.update(1);
    const before = await test.read();
    test.write([matrix(6, 6, (i, j) => (i === 2 && j === 3 ? NaN : entry(good[0], i, j))), good[1]]);
    test.update(1);
    const during = await test.read();
    expect(during.roots[0]).toEqual(before.roots[0]);
    expect(during.roots[1]).not.toEqual(before.roots[1]);
    const { matrices } = test.roots.sides;
    expect(Object.fromEntries(matrices.map(({ side }, i) => [side, during.failures[i]]))).toEqual({
      a: 1,
      g: 0,
    });
    test.write(good);
    test.update(1);
    const after = await test.read();
    expect(after.roots[0]).not.toEqual(before.roots[0]);
    expect([...after.roots[0].data].every(Number.isFinite)).toBe(true);
  });
});

it('starts again from the identity after a reset', async () => {
  const test = await prepareRoots(inverseFreeSpec({}), 5, 4);
  const factors = [6, 4].map((n) => matrix(n, n, (i, j) => (i === j ? 3 : (noise(1, i + j)[0] ?? 0)))) as [
    Matrix,
    Matrix,
  ];
  test.write(factors);
  test.update(3);
  test.roots.reset(test.gpu);
  const { roots } = await test.read();
  expect(roots[0].data).toEqual(identityRoot(6).root.data);
  expect(roots[1].data).toEqual(identityRoot(4).root.data);
  expect((await readFloats(test.gpu, test.roots.roots.whole)).reduce((sum, x) => sum + x, 0)).toBe(10);
});
