/** Batches decide what a run sees: every example once per epoch, in an order that only the seed decides. */
import { describe, expect, it } from 'vitest';
import { BatchOrder } from './batches.ts';

function rows(order: BatchOrder, batches: number, size: number): number[] {
  return Array.from({ length: batches }, () => [...order.take(size)]).flat();
}

const ascending = (list: readonly number[]) => [...list].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('BatchOrder', () => {
  it('shows every example exactly once per epoch, in another order each time', () => {
    const order = new BatchOrder(40, 3);
    const epochs = [rows(order, 5, 8), rows(order, 5, 8), rows(order, 5, 8)];
    for (const epoch of epochs) expect(ascending(epoch)).toEqual(upTo(40));
    expect(epochs[0]).not.toEqual(upTo(40));
    expect(epochs[1]).not.toEqual(epochs[0]);
    expect(epochs[2]).not.toEqual(epochs[1]);
  });

  it('runs on into the next shuffle when the epoch does not divide, so that no example is left out', () => {
    const seen = rows(new BatchOrder(10, 1), 15, 4);
    for (let epoch = 0; epoch < 6; epoch++) {
      expect(ascending(seen.slice(epoch * 10, epoch * 10 + 10)), `epoch ${epoch}`).toEqual(upTo(10));
    }
  });

  it('gives the same examples in the same order whatever the batch size', () => {
    expect(rows(new BatchOrder(12, 9), 12, 3)).toEqual(rows(new BatchOrder(12, 9), 4, 9));
  });

  it('follows the seed alone', () => {
    const first = rows(new BatchOrder(40, 5), 10, 8);
    expect(rows(new BatchOrder(40, 5), 10, 8)).toEqual(first);
    expect(rows(new BatchOrder(40, 6), 10, 8)).not.toEqual(first);
  });

  it('can take a batch as large as the data, and a larger one', () => {
    expect(ascending([...new BatchOrder(7, 0).take(7)])).toEqual(upTo(7));
    const twice = ascending([...new BatchOrder(7, 0).take(14)]);
    expect(twice).toEqual(ascending([...upTo(7), ...upTo(7)]));
  });
});
