/** The order in which training examples are seen: seeded shuffles, one epoch after another, cut into full batches. */
import { createRandom, shuffle, type Random } from '../../datasets/random.ts';

/** Streams of the generator, so that one seed gives independent numbers for each use. */
export const randomStreams = { initialisation: 1, batches: 2 } as const;

export class BatchOrder {
  private readonly random: Random;
  private readonly order: Uint32Array;
  private next = 0;

  constructor(examples: number, seed: number) {
    this.random = createRandom(seed, randomStreams.batches);
    this.order = Uint32Array.from({ length: examples }, (_, i) => i);
    shuffle(this.order, this.random);
  }

  /** Row numbers of the next batch. An epoch that does not divide evenly runs on into the next shuffle. */
  take(size: number): Uint32Array {
    const rows = new Uint32Array(size);
    for (let i = 0; i < size; i++) {
      if (this.next === this.order.length) {
        shuffle(this.order, this.random);
        this.next = 0;
      }
      rows[i] = this.order[this.next++] ?? 0;
    }
    return rows;
  }
}
