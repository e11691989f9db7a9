/** A run's batches, each told to whoever feeds them some steps before it is chosen. */
import type { Feeding } from '../feeding/feeding.ts';
import type { BatchOrder } from './batches.ts';

export class BatchQueue {
  private readonly order: BatchOrder;
  private readonly feeding: Feeding;
  private readonly size: number;
  private left: number;
  private readonly upcoming: Uint32Array[] = [];

  /** @param batches how many are chosen in all: none beyond them is told */
  constructor(order: BatchOrder, feeding: Feeding, size: number, batches: number) {
    this.order = order;
    this.feeding = feeding;
    this.size = size;
    this.left = batches;
  }

  /** Chooses the next batch for everything submitted afterwards. */
  choose(): void {
    this.feeding.choose(this.upcoming.shift() ?? this.take());
  }

  /** Has the batches after the chosen one on their way: to be called while the GPU is busy. */
  expectNext(): void {
    while (this.upcoming.length < this.feeding.ahead && this.left > 0) {
      const rows = this.take();
      this.feeding.expect(rows);
      this.upcoming.push(rows);
    }
  }

  private take(): Uint32Array {
    this.left -= 1;
    return this.order.take(this.size);
  }
}
