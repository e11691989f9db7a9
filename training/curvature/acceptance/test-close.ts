/** How acceptance tests hold arrays to a relative tolerance. */
import { expect } from 'vitest';
import { largestError } from '../../program/test-program.ts';

/** Within `tolerance` of the largest expected element, however small it is; fails where nothing but zeros is expected. */
export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = 'values',
): void {
  expect(largestError(got, expected, 0), what).toBeLessThan(tolerance);
}
