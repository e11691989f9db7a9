/**
 * The split into training and validation examples. Stratified, because with a few hundred validation examples a plain
 * random split moves the class balance, and with it the accuracy, by more than the optimisers under comparison differ.
 */
import { KronlabError } from '../contract/errors.ts';
import { createRandom, shuffle } from './random.ts';

/** Indices into the data set, ascending; every example is in exactly one of the two. */
export interface Split {
  train: Uint32Array;
  validation: Uint32Array;
}

/**
 * Holds out a share of the examples, the same share of every class to within one example. The same arguments give the
 * same split everywhere. Throws `KronlabError` (`invalid`) when a part would be empty.
 *
 * @param labels `[N]`, each below `classCount`
 * @param fraction share held out, above 0 and below 1
 * @param seed a whole number from 0
 */
export function splitStratified(
  labels: Uint32Array,
  classCount: number,
  fraction: number,
  seed: number,
): Split {
  const members = examplesByClass(labels, classCount);
  const quotas = validationQuotas(
    members.map((m) => m.length),
    fraction,
  );
  const held = quotas.reduce((sum, quota) => sum + quota, 0);
  requireBothParts(labels.length, held, fraction);
  const random = createRandom(seed);
  const isHeld = new Uint8Array(labels.length);
  members.forEach((indices, label) => {
    shuffle(indices, random);
    for (const index of indices.subarray(0, quotas[label])) isHeld[index] = 1;
  });
  const all = Uint32Array.from(labels.keys());
  return { train: all.filter((i) => isHeld[i] === 0), validation: all.filter((i) => isHeld[i] === 1) };
}

/**
 * Holds out a share of the examples whatever they are: for numbers and several labels there are no classes to be fair
 * to. Throws `KronlabError` (`invalid`) when a part would be empty.
 */
export function splitPlain(examples: number, fraction: number, seed: number): Split {
  const held = heldOutCount(examples, fraction);
  requireBothParts(examples, held, fraction);
  const order = Uint32Array.from({ length: examples }, (_, i) => i);
  shuffle(order, createRandom(seed));
  return { train: order.slice(held).sort(), validation: order.slice(0, held).sort() };
}

/** Holds out the last share of a sequence. Throws `KronlabError` (`invalid`) when a part would be empty. */
export function splitEnd(examples: number, fraction: number): Split {
  const held = heldOutCount(examples, fraction);
  requireBothParts(examples, held, fraction);
  const all = Uint32Array.from({ length: examples }, (_, i) => i);
  return { train: all.slice(0, examples - held), validation: all.slice(examples - held) };
}

function requireBothParts(examples: number, held: number, fraction: number): void {
  if (held > 0 && held < examples) return;
  throw new KronlabError(
    'invalid',
    `dataset.validationFraction: ${fraction} of ${examples} examples leaves no ` +
      `${held === 0 ? 'validation' : 'training'} example; choose a value between ` +
      `${(1 / examples).toPrecision(2)} and ${(1 - 1 / examples).toPrecision(2)}`,
  );
}

/** How many of `examples` a split holds out for validation; the rest is trained on. */
export function heldOutCount(examples: number, fraction: number): number {
  return Math.round(examples * fraction);
}

function examplesByClass(labels: Uint32Array, classCount: number): Uint32Array[] {
  const members: number[][] = Array.from({ length: classCount }, () => []);
  labels.forEach((label, index) => {
    const ofClass = members[label];
    if (ofClass === undefined) {
      throw new KronlabError(
        'invalid',
        `example ${index} has label ${label}; expected a whole number from 0 to ${classCount - 1}`,
      );
    }
    ofClass.push(index);
  });
  return members.map((indices) => Uint32Array.from(indices));
}

/**
 * How many examples of each class to hold out, by largest remainder: every class gets its exact share rounded down, then
 * the classes that lost most get one more until the total is right. Ties go to the lower label.
 */
function validationQuotas(counts: number[], fraction: number): number[] {
  const shares = counts.map((count, label) => ({
    label,
    floor: Math.floor(count * fraction),
    exact: count * fraction,
  }));
  const total = heldOutCount(
    counts.reduce((sum, count) => sum + count, 0),
    fraction,
  );
  const missing = total - shares.reduce((sum, share) => sum + share.floor, 0);
  const quotas = shares.map((share) => share.floor);
  const byRemainder = shares.toSorted((a, b) => b.exact - b.floor - (a.exact - a.floor) || a.label - b.label);
  for (const share of byRemainder.slice(0, missing)) quotas[share.label] = share.floor + 1;
  return quotas;
}
