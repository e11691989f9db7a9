import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../contract/test-trials.ts';
import { KronlabError } from '../contract/errors.ts';
import { splitStratified } from './split.ts';

const classCount = 4;
const cases = fc.record({
  labels: fc.array(fc.nat(classCount - 1), { minLength: 20, maxLength: 200 }).map((l) => Uint32Array.from(l)),
  fraction: fc.double({ min: 0.05, max: 0.89, noNaN: true }),
  seed: fc.nat(),
});

const countOf = (labels: Uint32Array, label: number, indices: Iterable<number>) =>
  [...indices].filter((index) => labels[index] === label).length;

describe('splitStratified', () => {
  it('puts every example in exactly one part', () => {
    fc.assert(
      fc.property(cases, ({ labels, fraction, seed }) => {
        const { train, validation } = splitStratified(labels, classCount, fraction, seed);
        const together = [...train, ...validation].sort((a, b) => a - b);
        expect(together).toEqual([...labels.keys()]);
      }),
      trials(),
    );
  });

  it('holds out the same share of every class to within one example, and of the whole to within a half', () => {
    fc.assert(
      fc.property(cases, ({ labels, fraction, seed }) => {
        const { validation } = splitStratified(labels, classCount, fraction, seed);
        expect(Math.abs(validation.length - labels.length * fraction)).toBeLessThanOrEqual(0.5);
        for (let label = 0; label < classCount; label += 1) {
          const share = countOf(labels, label, labels.keys()) * fraction;
          expect(Math.abs(countOf(labels, label, validation) - share)).toBeLessThan(1);
        }
      }),
      trials(),
    );
  });

  it('depends on its arguments alone', () => {
    fc.assert(
      fc.property(cases, ({ labels, fraction, seed }) => {
        const first = splitStratified(labels, classCount, fraction, seed);
        expect(splitStratified(labels, classCount, fraction, seed)).toEqual(first);
      }),
      trials(),
    );
  });

  it('changes with the seed', () => {
    const labels = Uint32Array.from({ length: 100 }, (_, i) => i % classCount);
    const [a, b] = [0, 1].map((seed) => splitStratified(labels, classCount, 0.2, seed).validation);
    expect(a).not.toEqual(b);
  });

  it('stays the same from version to version', () => {
    const labels = Uint32Array.from({ length: 24 }, (_, i) => i % classCount);
    expect([...splitStratified(labels, classCount, 0.25, 7).validation]).toEqual([0, 2, 4, 9, 11, 21]);
  });

  it.each([
    [0.01, 'validation', 'choose a value between 0.050 and 0.95'],
    [0.99, 'training', 'choose a value between 0.050 and 0.95'],
  ])('refuses a fraction of %f that leaves a part empty', (fraction, part, remedy) => {
    const labels = Uint32Array.from({ length: 20 }, (_, i) => i % classCount);
    const split = () => splitStratified(labels, classCount, fraction, 0);
    expect(split).toThrow(KronlabError);
    expect(split).toThrow(`leaves no ${part} example`);
    expect(split).toThrow(remedy);
  });

  it('refuses a label without a class', () => {
    expect(() => splitStratified(Uint32Array.of(0, 4), classCount, 0.5, 0)).toThrow(
      'example 1 has label 4; expected a whole number from 0 to 3',
    );
  });
});
