import fc from 'fast-check';
import { expect, it } from 'vitest';
import { trials } from '../contract/test-trials.ts';
import { linearGrid } from './grid.ts';

it('stays on one row while it can', () => {
  expect(linearGrid(1, 64)).toEqual({ workgroups: [1, 1, 1], row: 64, count: 1 });
  expect(linearGrid(64 * 32768, 64)).toEqual({
    workgroups: [32768, 1, 1],
    row: 64 * 32768,
    count: 64 * 32768,
  });
});

it('goes on in a second row beyond that', () => {
  expect(linearGrid(64 * 32768 + 1, 64)).toMatchObject({ workgroups: [32768, 2, 1], row: 64 * 32768 });
});

it('numbers every thread once, within what every adapter allows', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.constantFrom(16, 32, 64, 256),
      (count, workgroupSize) => {
        const { workgroups, row } = linearGrid(count, workgroupSize);
        const [columns, rows, layers] = workgroups;
        expect(Math.max(columns, rows)).toBeLessThanOrEqual(65535);
        expect(layers).toBe(1);
        // Thread number = id.y * row + id.x is gapless when a row of workgroups is as long as the stride.
        expect(row).toBe(columns * workgroupSize);
        expect(rows * row).toBeGreaterThanOrEqual(count);
        expect((rows - 1) * row).toBeLessThan(count);
      },
    ),
    trials(),
  );
});
