import { expect, it } from 'vitest';
import type { Feeding } from '../feeding/feeding.ts';
import { BatchOrder } from './batches.ts';
import { BatchQueue } from './batch-queue.ts';

const [examples, size, seed, batches] = [20, 6, 4, 9];

it.each([0, 1, 2, 20])(
  'batches come in their order, each told before, none beyond the last: %d ahead',
  (ahead) => {
    const chosen: number[][] = [];
    const told: number[][] = [];
    const feeding = {
      ahead,
      choose: (rows: Uint32Array) => chosen.push([...rows]),
      expect: (rows: Uint32Array) => told.push([...rows]),
    } as unknown as Feeding;
    const queue = new BatchQueue(new BatchOrder(examples, seed), feeding, size, batches);
    for (let i = 0; i < batches; i += 1) {
      queue.choose();
      queue.expectNext();
      const isTold = ahead === 0 ? 0 : Math.min(batches - 1, i + ahead);
      expect(told).toHaveLength(isTold);
    }
    const order = new BatchOrder(examples, seed);
    const expected = Array.from({ length: batches }, () => [...order.take(size)]);
    expect(chosen).toEqual(expected);
    expect(told).toEqual(ahead === 0 ? [] : expected.slice(1));
  },
);
