/** How many random cases a property test tries, in one place for all of them. */

/** Set by `npm run fuzz properties FACTOR`. */
const factor = Number(process.env['KRONLAB_TRIALS'] ?? 1);

/**
 * Parameters of `fc.assert`. `npm test` tries the same `count` cases every time, so that a failure comes of a change
 * and comes again; `npm run fuzz properties 50` tries fifty times as many, new ones every time.
 */
export function trials(count = 100): { numRuns: number; seed?: number } {
  return factor === 1 ? { numRuns: count, seed: 20231100 } : { numRuns: factor * count };
}
