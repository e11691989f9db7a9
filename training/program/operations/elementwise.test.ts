import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { backward } from '../backward.ts';
import { size, type Tensor } from '../graph.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise, prepare } from '../test-program.ts';
import { add, broadcastTo, elementwise, gelu, geluTanh, multiply, relu, scale, tanh } from './elementwise.ts';

/** Where element i of a tensor of shape `out` finds its value in a tensor of shape `input`, by NumPy's rule. */
function sourceIndex(out: readonly number[], input: readonly number[], i: number): number {
  let rest = i;
  let index = 0;
  let stride = 1;
  for (let axis = 1; axis <= out.length; axis++) {
    const dim = out.at(-axis) ?? 1;
    const inDim = axis <= input.length ? (input.at(-axis) ?? 1) : 1;
    if (inDim !== 1) index += (rest % dim) * stride;
    stride *= inDim;
    rest = Math.floor(rest / dim);
  }
  return index;
}

function broadcasting(
  a: readonly number[],
  b: readonly number[],
  out: readonly number[],
  f: (x: number, y: number) => number,
) {
  return (x: Float64Array, y: Float64Array): Float64Array =>
    Float64Array.from({ length: size(out) }, (_, i) =>
      f(x[sourceIndex(out, a, i)] ?? NaN, y[sourceIndex(out, b, i)] ?? NaN),
    );
}

/** Phi(x) by the Taylor series of erf, which converges everywhere and is exact in float64 for |x| < 5. */
function normalCdf(x: number): number {
  const z = x / Math.SQRT2;
  let term = z;
  let sum = z;
  for (let n = 1; n < 200; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(Math.PI);
}

const functions: [string, (a: Tensor) => Tensor, (x: number) => number][] = [
  ['relu', relu, (x) => Math.max(x, 0)],
  ['tanh', tanh, Math.tanh],
  ['gelu', gelu, (x) => x * normalCdf(x)],
  ['geluTanh', geluTanh, (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
  ['scale', (a) => scale(a, -1.5), (x) => -1.5 * x],
  ['scale by a small number', (a) => scale(a, 1e-7), (x) => 1e-7 * x],
];

describe.each(functions)('%s', (_, build, f) => {
  test.each([[[7, 5]], [[3, 8]]])('of shape %j', async (shape) => {
    const values = noise(size(shape), 5).map((x) => Math.fround(3 * x));
    await checkOperation({
      inputs: [{ shape, values }],
      build,
      reference: (x) => x.map(f),
      // WGSL allows tanh an absolute error of 1e-5; measured on SwiftShader: 2e-7.
      tolerance: f32Tolerance,
    });
  });
});

test('saturating functions stay finite far from zero', async () => {
  const far = Float64Array.of(-1e4, -60, -15, 15, 60, 1e4);
  const [t, g, gt, slope] = await evaluate((_, leaf) => {
    const x = leaf(far, [6]);
    return [tanh(x), gelu(x), geluTanh(x), relu(x)];
  });
  expect([...(t ?? [])]).toEqual([-1, -1, -1, 1, 1, 1]);
  for (const values of [g, gt, slope])
    expectClose(
      values ?? [],
      far.map((x) => Math.max(x, 0)),
      1e-6,
    );
});

test('activations answer NaN to NaN, so that a net that diverged cannot look sound', async () => {
  const results = await evaluate((_, leaf) => {
    const x = leaf([1, NaN, -1, 0], [4]);
    return [relu(x), tanh(x), gelu(x), geluTanh(x)];
  });
  for (const values of results) {
    expect([...values].map(Number.isNaN)).toEqual([false, true, false, false]);
  }
});

const shapes: { name: string; a: number[]; b: number[]; out: number[] }[] = [
  { name: 'equal shapes, odd', a: [3, 5], b: [3, 5], out: [3, 5] },
  { name: 'equal shapes, whole quads', a: [2, 3, 8], b: [2, 3, 8], out: [2, 3, 8] },
  { name: 'bias, whole quads', a: [5, 3, 8], b: [8], out: [5, 3, 8] },
  { name: 'bias, odd', a: [5, 7], b: [7], out: [5, 7] },
  { name: 'positions, whole quads', a: [3, 5, 4], b: [5, 4], out: [3, 5, 4] },
  { name: 'positions, odd', a: [3, 5, 3], b: [5, 3], out: [3, 5, 3] },
  { name: 'column', a: [6, 4], b: [6, 1], out: [6, 4] },
  { name: 'scalar of rank 0', a: [3, 4], b: [], out: [3, 4] },
  { name: 'scalar of rank 1', a: [3, 3], b: [1], out: [3, 3] },
  { name: 'middle axis', a: [3, 4, 8], b: [3, 1, 8], out: [3, 4, 8] },
  { name: 'outer axes', a: [2, 3, 2, 4], b: [1, 3, 1, 4], out: [2, 3, 2, 4] },
  { name: 'both sides', a: [4, 1, 3], b: [1, 5, 1], out: [4, 5, 3] },
  { name: 'longer second input', a: [4], b: [3, 1], out: [3, 4] },
];

test.each(shapes)('adds and multiplies, broadcasting $name', ({ a, b, out }) =>
  checkOperation({
    inputs: [{ shape: a }, { shape: b }],
    build: (x, y) => add(multiply(x, y), y),
    reference: broadcasting(a, b, out, (x, y) => x * y + y),
    tolerance: f32Tolerance,
  }),
);

it('follows the broadcasting rule for any shapes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ dim: fc.integer({ min: 1, max: 5 }), keep: fc.constantFrom('a', 'b', 'both') }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.nat(2),
      async (axes, dropped) => {
        const out = axes.map(({ dim }) => dim);
        const a = axes.map(({ dim, keep }) => (keep === 'b' ? 1 : dim));
        // Leading axes of size 1 may be left out.
        const b = axes.map(({ dim, keep }) => (keep === 'a' ? 1 : dim));
        const ones = b.findIndex((dim) => dim !== 1);
        const short = b.slice(Math.min(dropped, ones < 0 ? b.length : ones));
        await checkOperation({
          inputs: [{ shape: a }, { shape: short }],
          build: (x, y) => multiply(x, y),
          reference: broadcasting(a, short, out, (x, y) => x * y),
          tolerance: f32Tolerance,
        });
      },
    ),
    trials(6),
  ));

it('repeats along axes of size 1, with a factor', () =>
  checkOperation({
    inputs: [{ shape: [3, 1, 8] }],
    build: (a) => broadcastTo(a, [3, 5, 8], 0.25),
    reference: (x) =>
      Float64Array.from({ length: 120 }, (_, i) => 0.25 * (x[sourceIndex([3, 5, 8], [3, 1, 8], i)] ?? NaN)),
    tolerance: f32Tolerance,
  }));

it('may take one tensor for both inputs', () =>
  checkOperation({
    inputs: [{ shape: [3, 5] }],
    build: (a) => add(multiply(a, a), a),
    reference: (x) => x.map((v) => v * v + v),
    tolerance: f32Tolerance,
  }));

it('takes functions of its own and more inputs than there are letters', async () => {
  const functions = `
fn cube(x: T) -> T {
  return x * x * x;
}

fn tower(x: T) -> T {
  return cube(x) + T(1.0);
}`;
  const names = Array.from(
    { length: 28 },
    (_, i) => String.fromCharCode(97 + (i % 26)) + (i < 26 ? '' : '1'),
  );
  const expression = `tower(a) * b1 + ${names.slice(1, -1).join(' + ')}`;
  const gradients = [`c1 * T(3.0) * a * a * b1`, ...names.slice(1, -1).map(() => 'c1'), 'c1 * tower(a)'];
  // Few tensors in many places, because a kernel cannot bind thirty.
  await checkOperation({
    inputs: [{ shape: [2, 4] }, { shape: [4] }, { shape: [2, 1] }],
    build: (a, b, last) => {
      const fn = { name: 'many', expression, gradients, functions };
      return elementwise(fn, a, ...names.slice(1, -1).map(() => b), last);
    },
    reference: (a, b, last) =>
      a.map((x, i) => (x ** 3 + 1) * last[Math.floor(i / 4)]! + (names.length - 2) * b[i % 4]!),
    tolerance: 4 * f32Tolerance,
  });
});

it('refuses shapes that do not broadcast and names them', () =>
  expect(evaluate((_, leaf) => add(leaf(noise(6, 0), [2, 3]), leaf(noise(4, 1), [4])))).rejects.toThrow(
    'add: shapes [2, 3] and [4] do not broadcast',
  ));

it('reaches every value of a tensor longer than one row of workgroups', async () => {
  const count = 64 * 32768 + 77;
  const [result] = await evaluate((_, leaf) =>
    scale(
      leaf(
        Float64Array.from({ length: count }, (_, i) => i),
        [count],
      ),
      2,
    ),
  );
  expect((result ?? []).findIndex((value, i) => value !== 2 * i)).toBe(-1);
});

it('has gradients that read no input without need, so that it need not be kept', async () => {
  const { graph } = await prepare((graph, leaf) => {
    const [x, row] = [leaf(noise(12, 1), [3, 4]), leaf(noise(4, 2), [4])];
    const y = multiply(scale(x, 0.5), row);
    const seeds = [{ tensor: y, gradient: leaf(noise(12, 3), [3, 4]) }];
    return [...backward(graph, seeds, [x]).values()];
  });
  const readBy = (label: string) =>
    graph.nodes.find(({ outputs: [output] }) => output?.label === label)?.inputs.map((input) => input.label);
  expect(readBy('scale gradient')).toEqual(['multiply gradient']);
  expect(readBy('multiply gradient')).toHaveLength(2);
});
