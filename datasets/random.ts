/**
 * Random numbers for splits. Our own generator, because a split must be the same on every machine and in every version
 * of the JavaScript engine: two runs are only comparable if they saw the same examples.
 *
 * PCG32 (XSH-RR 64/32): M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
 * Random Number Generation", 2014, section 6.3.
 */

const multiplier = 6364136223846793005n;

export interface Random {
  /** The next 32 random bits as a whole number from 0 to 2^32 - 1. */
  nextUint32(): number;
  /** A whole number from 0 to `bound` - 1, every one equally likely; `bound` from 1 to 2^32. */
  nextBelow(bound: number): number;
}

/**
 * A PCG32 generator.
 *
 * @param seed where in the sequence to start, a whole number from 0
 * @param stream which of the 2^63 sequences
 */
export function createRandom(seed: number, stream = 0): Random {
  const increment = BigInt.asUintN(64, (BigInt(stream) << 1n) | 1n);
  const advance = (state: bigint) => BigInt.asUintN(64, state * multiplier + increment);
  let state = advance(increment + BigInt(seed));

  function nextUint32(): number {
    const shifted = Number(BigInt.asUintN(32, ((state >> 18n) ^ state) >> 27n));
    const rotation = Number(state >> 59n);
    state = advance(state);
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  function nextBelow(bound: number): number {
    // The lowest values are rejected so that what remains is a multiple of `bound`: a plain modulo favours small numbers.
    const rejected = 2 ** 32 % bound;
    for (;;) {
      const value = nextUint32();
      if (value >= rejected) return value % bound;
    }
  }

  return { nextUint32, nextBelow };
}

/** Puts `items` in random order, in place (Fisher and Yates). */
export function shuffle(items: Uint32Array, random: Random): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = random.nextBelow(last + 1);
    const kept = items[last] ?? 0;
    items[last] = items[other] ?? 0;
    items[other] = kept;
  }
}
