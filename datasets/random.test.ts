import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../contract/test-trials.ts';
import { createRandom, shuffle } from './random.ts';

describe('createRandom', () => {
  it('gives the numbers of the reference implementation of PCG32 (seed 42, stream 54)', () => {
    const random = createRandom(42, 54);
    const drawn = Array.from({ length: 6 }, () => random.nextUint32());
    expect(drawn).toEqual([0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e]);
  });

  it('stays below the bound and reaches every value', () => {
    const random = createRandom(1);
    const counts = new Uint32Array(7);
    for (let i = 0; i < 7000; i += 1) {
      const value = random.nextBelow(7);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    expect(counts.reduce((a, b) => a + b)).toBe(7000);
    // Six standard deviations of a fair die: sqrt(7000 * 1/7 * 6/7) = 29.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(176);
  });
});

describe('shuffle', () => {
  it('keeps the items and depends on the seed alone', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), fc.nat(), (items, seed) => {
        const first = Uint32Array.from(items);
        const second = Uint32Array.from(items);
        shuffle(first, createRandom(seed));
        shuffle(second, createRandom(seed));
        expect(first).toEqual(second);
        expect(first.toSorted()).toEqual(Uint32Array.from(items).toSorted());
      }),
      trials(),
    );
  });

  it('puts every item first equally often', () => {
    const random = createRandom(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i += 1) {
      const items = Uint32Array.of(0, 1, 2);
      shuffle(items, random);
      const first = items[0] ?? 0;
      counts[first] = (counts[first] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(155);
  });
});
