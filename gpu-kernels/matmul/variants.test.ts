import { describe, expect, test } from 'vitest';
import { openScope, releaseScope, type GpuContext } from '../device.ts';
import type { Access } from '../dispatch.ts';
import { Region } from '../region.ts';
import { emptyRegion, runAndRead, testGpu, uploaded } from '../test-gpu.ts';
import { KernelChoices } from '../tuning/kernel-choices.ts';
import { matmul, matmulLaunches, matmulUnit, type MatmulArguments } from './matmul.ts';
import { noise, reference, type Case } from './test-product.ts';
import { candidateNames, matmulProblem, variantLaunches } from './variants.ts';

/** The adapter at hand as one of class `gpu`, with choices of its own. */
async function gpuScope(): Promise<GpuContext> {
  const gpu = openScope(await testGpu());
  return { ...gpu, adapterClass: 'gpu', fourLaneSubgroups: false, choices: new KernelChoices() };
}

const shared = ['shared 64x64 8x8', 'shared 64x64 4x4', 'shared 32x32 4x4', 'shared 16x64 4x4'];

/** Edges within a block and within a slab; whole quads, and sizes that are none. */
const cases: Case[] = [
  { m: 36, n: 68, k: 52, bias: true, alpha: 0.5 },
  { m: 19, n: 35, k: 21, bias: true, alpha: 2 },
];

describe.each([
  ['NN', false, false],
  ['TN', true, false],
  ['NT', false, true],
  ['TT', true, true],
] as const)('%s', (_, transposeA, transposeB) => {
  async function check(c: Case, variant: string): Promise<void> {
    const gpu = await gpuScope();
    const { m, n, k, batch = 1, alpha = 1 } = c;
    const [a, b, bias] = [noise(batch * m * k, 1), noise(batch * k * n, 2), noise(n, 3)];
    const out = emptyRegion(gpu, 'c', batch * m * n);
    const rowSums = transposeA && batch === 1 ? emptyRegion(gpu, 'sums', m) : undefined;
    const args: MatmulArguments = {
      label: 'test',
      a: uploaded(gpu, 'a', a),
      b: uploaded(gpu, 'b', b),
      c: out,
      ...{ m, n, k, batch, transposeA, transposeB, alpha },
      ...(c.bias && { bias: uploaded(gpu, 'bias', bias) }),
      ...(rowSums && { rowSums }),
    };
    const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
    const launches = variantLaunches({ gpu, scratch }, args, variant);
    expect(launches).toHaveLength(variant.includes(' in ') ? 2 : 1);
    const result = await runAndRead(gpu, launches, out);
    const expected = reference(c, a, b, bias, transposeA, transposeB);
    expected.forEach((value, i) => expect(Math.abs(result[i]! - value)).toBeLessThan(4e-6 * k));
    if (rowSums) {
      const sums = await runAndRead(gpu, launches, rowSums);
      sums.forEach((value, i) => {
        let sum = 0;
        for (let q = 0; q < k; q++) sum += a[q * m + i]!;
        expect(Math.abs(value - sum)).toBeLessThan(4e-6 * k);
      });
    }
    releaseScope(gpu);
  }

  // Every block runs the same text but for its sizes, and a block takes a software adapter seconds to compile.
  test('whole quads, many numbers a thread', () => check(cases[0]!, shared[0]!));
  test('numbers one by one, few a thread', () => check(cases[1]!, shared[3]!));
  test.each([
    { m: 20, n: 12, k: 100, batch: 3, bias: true, alpha: 0.5 },
    { m: 5, n: 7, k: 67, batch: 2, bias: true },
    { m: 12, n: 8, k: 130 },
  ])('cut along k: m=$m n=$n k=$k batch=$batch', (c) => check(c, 'shared 32x32 4x4 in 2'));
  if (!transposeA && transposeB) {
    test.each(shared.slice(1))('%s', (variant) => check(cases[0]!, variant));
  }
});

test('a vector of one row and a product of one number', async () => {
  const gpu = await gpuScope();
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  for (const [m, n, k] of [
    [1, 8, 300],
    [1, 1, 65],
  ] as const) {
    const [a, b] = [noise(m * k, 4), noise(k * n, 5)];
    const c = emptyRegion(gpu, 'c', m * n);
    const args = { label: 'test', a: uploaded(gpu, 'a', a), b: uploaded(gpu, 'b', b), c, m, n, k };
    const result = await runAndRead(gpu, variantLaunches({ gpu, scratch }, args, 'shared 16x64 4x4 in 8'), c);
    const expected = reference({ m, n, k }, a, b, new Float32Array(), false, false);
    expected.forEach((value, i) => expect(Math.abs(result[i]! - value)).toBeLessThan(4e-6 * k));
  }
  releaseScope(gpu);
});

test.each(['shared 32x32 4x4', 'shared 32x32 4x4 in 2'])('%s writes each number once', async (variant) => {
  const gpu = await gpuScope();
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  const [m, n, k] = [20, 36, 40];
  const regions = { a: uploaded(gpu, 'a', noise(m * k, 1)), b: uploaded(gpu, 'b', noise(k * n, 2)) };
  const counts = uploaded(gpu, 'counts', new Float32Array(m * n));
  expect(matmulUnit({ m, n, k })).toBe(4);
  const c: Access = {
    code: 'fn C_set(i: u32, value: vec4f) { counts[i] += vec4f(1.0); }',
    bindings: [{ name: 'counts', type: 'array<vec4f>', region: counts, write: true }],
  };
  const launches = variantLaunches({ gpu, scratch }, { label: 'test', ...regions, c, m, n, k }, variant);
  expect(new Set(await runAndRead(gpu, launches, counts))).toEqual(new Set([1]));
  releaseScope(gpu);
});

test('candidates cut K only where there are too few workgroups, and are no larger than they need be', () => {
  const args = { label: '', a: null, b: null, c: null } as unknown as MatmulArguments;
  const long = candidateNames({ ...args, m: 32, n: 32, k: 4096 }, true);
  expect(long).toContain('shared 32x32 4x4 in 64');
  expect(long.some((name) => name.includes('64x64'))).toBe(false);
  expect(candidateNames({ ...args, m: 32, n: 32, k: 4096 }, false)).toEqual([
    'registers',
    'shared 32x32 4x4',
  ]);
  const wide = candidateNames({ ...args, m: 4096, n: 1024, k: 1024 }, true);
  expect(wide).toEqual(['registers', ...shared]);
});

describe('a variant that goes beyond the limits of the adapter', () => {
  const enough = {
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
  };
  const sizes = { m: 64, n: 64, k: 512, batch: 2 };

  /** Which blocks the launches of a variant have; the plain one has none. */
  async function isShared(variant: string, limits: Partial<typeof enough>, shape = sizes): Promise<boolean> {
    const gpu = await gpuScope();
    const device = { limits: { ...enough, ...limits } } as GPUDevice;
    const region = (label: string) => new Region(label, 4);
    const args = { label: 'test', a: region('a'), b: region('b'), c: region('c'), ...shape };
    const lowering = { gpu: { ...gpu, device }, scratch: region };
    const [launch] = variantLaunches(lowering, args, variant);
    return launch!.code.includes('var<workgroup>');
  }

  test('is taken as long as all hold', async () => {
    for (const variant of shared) expect(await isShared(variant, {}), variant).toBe(true);
    expect(await isShared('shared 64x64 8x8 in 8', { maxComputeWorkgroupsPerDimension: 16 })).toBe(true);
  });

  test.each([
    // 64 x 64 numbers, 4 x 4 to a thread.
    ['threads', 'shared 64x64 4x4', { maxComputeInvocationsPerWorkgroup: 255 }],
    ['workgroup memory', 'shared 64x64 8x8', { maxComputeWorkgroupStorageSize: 2048 }],
    // Two products in eight parts each.
    ['workgroups', 'shared 64x64 8x8 in 8', { maxComputeWorkgroupsPerDimension: 15 }],
  ])('gives way to the plain one: %s', async (_, variant, limits) => {
    expect(await isShared(variant, limits)).toBe(false);
  });

  test('gives way where its parts would take more memory than a product is worth', async () => {
    const large = { m: 2048, n: 2048, k: 4096, batch: 1 };
    expect(await isShared('shared 64x64 8x8 in 2', {}, large)).toBe(true);
    expect(await isShared('shared 64x64 8x8 in 4', {}, large)).toBe(false);
  });
});

describe('the choice', () => {
  const sizes = { m: 32, n: 32, k: 256 };
  async function launchesWith(table: unknown, adapterClass: 'gpu' | 'software') {
    const gpu = { ...(await gpuScope()), adapterClass };
    gpu.choices.load(table);
    const [a, b] = [emptyRegion(gpu, 'a', 32 * 256), emptyRegion(gpu, 'b', 32 * 256)];
    const args = { label: 'test', a, b, c: emptyRegion(gpu, 'c', 32 * 32), ...sizes };
    const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
    const asked = gpu.choices.undecided(() => {
      matmul(gpu, args);
      return matmulLaunches({ gpu, scratch }, args);
    });
    releaseScope(gpu);
    return { launches: asked.result.length, problems: asked.problems.map(({ key }) => key) };
  }
  const key = matmulProblem({ ...sizes } as MatmulArguments, true).key;
  const whole = matmulProblem({ ...sizes } as MatmulArguments, false).key;

  test('is that of the table', async () => {
    const table = { [key]: 'shared 32x32 4x4 in 8', [whole]: 'shared 32x32 4x4' };
    expect(await launchesWith(table, 'gpu')).toEqual({ launches: 2, problems: [] });
  });

  test('is plain and noted where the table has none, or a foreign one', async () => {
    const noted = { launches: 1, problems: [whole, key] };
    expect(await launchesWith({}, 'gpu')).toEqual(noted);
    expect(await launchesWith({ [key]: 'magic 8x8', [whole]: 'shared 32x32 4x4 in 8' }, 'gpu')).toEqual(
      noted,
    );
    expect(await launchesWith('no table', 'gpu')).toEqual(noted);
  });

  test('is never asked for on a software adapter', async () => {
    const table = { [key]: 'shared 32x32 4x4 in 8' };
    expect(await launchesWith(table, 'software')).toEqual({ launches: 1, problems: [] });
  });
});
