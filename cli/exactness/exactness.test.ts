import { describe, expect, it } from 'vitest';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { kroneckerProduct, relativeError, sumOfOuterProducts, type Square } from './blocks.ts';
import { isExact, linearNets } from './linear-nets.ts';
import { measureNet, type ExactnessRow } from './measure.ts';
import { describeExactness, isAsExpected } from './report.ts';

const flavours = ['expand', 'reduce'] as const;

const square = (side: number, ...data: number[]): Square => ({ side, data: Float64Array.from(data) });

describe('blocks', () => {
  it('are sums of outer products', () => {
    const vectors = [Float64Array.of(1, 2), Float64Array.of(3, -1)];
    expect(sumOfOuterProducts(vectors, 0.5)).toEqual(square(2, 5, -0.5, -0.5, 2.5));
  });

  it('are Kronecker products with the index of G first', () => {
    const product = kroneckerProduct(square(2, 1, 2, 3, 4), square(2, 0, 5, 6, 7));
    expect(product).toEqual(square(4, 0, 5, 0, 10, 6, 7, 12, 14, 0, 15, 0, 20, 18, 21, 24, 28));
  });

  it('differ by the norm of their difference', () => {
    expect(relativeError(square(2, 3, 0, 0, 4), square(2, 3, 0, 0, 0))).toBeCloseTo(4 / 3);
    expect(relativeError(square(1, NaN), square(1, 1))).toBeNaN();
  });
});

describe('exactness on the GPU', () => {
  it.each([3, 4])('is what the paper says of every net, seed %i', { timeout: 120_000 }, async (seed) => {
    const gpu = await testGpu();
    const rows: ExactnessRow[] = [];
    for (const net of linearNets) rows.push(...(await measureNet(gpu, net, seed)));
    expect(rows.filter((row) => !isAsExpected(row))).toEqual([]);
    // Both kinds must have been seen: a table of one kind proves nothing. No net makes reduce exact in the expand setting.
    for (const setting of ['expand', 'reduce']) {
      const kinds = rows
        .filter((row) => row.setting === setting)
        .map(({ flavour, expected }) => `${flavour} ${expected}`);
      expect(new Set(kinds).size).toBe(setting === 'expand' ? 3 : 4);
    }
  });

  it('is taken over what the propositions need and over what they exclude', () => {
    const kinds = new Set(linearNets.map(({ net, pooling }) => `${net}, ${pooling}`));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['full covariance, none', 'full covariance, mean', 'deep linear, non-uniform']),
    );
    // Pooled with unequal weights neither flavour is exact in any layer; a covariance changes nothing.
    for (const net of linearNets) {
      const exact = flavours.filter((flavour) => [0, 1, 2].every((layer) => isExact(net, flavour, layer)));
      if (net.pooling === 'non-uniform') expect(exact).toEqual([]);
      if (net.isFullCovariance) expect(exact).toEqual([net.pooling === 'none' ? 'expand' : 'reduce']);
    }
  });

  it('depends on the seed', async () => {
    const [net] = linearNets;
    if (!net) throw new Error('there is no net');
    const gpu = await testGpu();
    const [one, same, other] = [
      await measureNet(gpu, net, 1),
      await measureNet(gpu, net, 1),
      await measureNet(gpu, net, 2),
    ];
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });
});

describe('the report', () => {
  const row = (
    flavour: ExactnessRow['flavour'],
    relativeError: number,
    expected: ExactnessRow['expected'],
  ): ExactnessRow => ({
    ...{ net: 'deep linear', setting: 'expand', pooling: 'none', layer: 'layer1' },
    ...{ flavour, relativeError, expected },
  });

  it('has a line for both flavours of a layer and the number of blocks that hold', () => {
    const lines = describeExactness('Test adapter', [
      row('expand', 1e-7, 'exact'),
      row('reduce', 0.42, 'approximate'),
    ]);
    expect(lines[0]).toBe('adapter: Test adapter');
    expect(
      lines.some((line) =>
        /deep linear +expand +none +layer1 +1\.0e-7 +exact +4\.2e-1 +approximate$/.test(line),
      ),
    ).toBe(true);
    expect(lines.at(-1)).toMatch(/^2 of 2 blocks/);
  });

  it('marks what is not as expected, numbers that are none included', () => {
    const lines = describeExactness('Test adapter', [
      row('expand', 0.3, 'exact'),
      row('reduce', NaN, 'approximate'),
    ]);
    expect(lines.filter((line) => line.includes('NOT SO')).length).toBe(1);
    expect(lines.find((line) => line.includes('NOT SO'))?.match(/NOT SO/g)).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^0 of 2 blocks/);
  });
});
