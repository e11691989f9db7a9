/** The order in which training examples are seen: seeded shuffles, one epoch after another, cut into full batches. */
import { createRandom, shuffle, type Random } from '../../datasets/random.ts';

/** Streams of the generator, so that one seed gives independent numbers for each use. */
export const randomStreams = { initialisation: 1, batches: 2 } as const;

export class BatchOrder {
  private readonly random: Random;
  private readonly order: Uint32Array;
  private readonly stride: number;
  private offset = 0;
  private next = 0;

  /**
   * @param stride rows from one example to the next; where there are several, every epoch begins at another of the
   *   first `stride` rows
   */
  constructor(examples: number, seed: number, stride = 1) {
    this.random = createRandom(seed, randomStreams.batches);
    this.order = Uint32Array.from({ length: examples }, (_, i) => i);
    this.stride = stride;
    this.begin();
  }

  /** Row numbers of the next batch. An epoch that does not divide evenly runs on into the next shuffle. */
  take(size: number): Uint32Array<ArrayBuffer> {
    const rows = new Uint32Array(size);
    for (let i = 0; i < size; i++) {
      if (this.next === this.order.length) this.begin();
      rows[i] = (this.order[this.next++] ?? 0) * this.stride + this.offset;
    }
    return rows;
  }

  private begin(): void {
    shuffle(this.order, this.random);
    if (this.stride > 1) this.offset = this.random.nextBelow(this.stride);
    this.next = 0;
  }
}
