/** Numbers that come one example after another, in one array that doubles: no object for each, whatever their count. */
export class GrowingNumbers<T extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
  readonly #make: (length: number) => T;
  #values: T;
  #length = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(64);
  }

  get length(): number {
    return this.#length;
  }

  push(values: ArrayLike<number>): void {
    if (this.#length + values.length > this.#values.length) {
      const grown = this.#make(Math.max(2 * this.#values.length, this.#length + values.length));
      grown.set(this.values());
      this.#values = grown;
    }
    this.#values.set(values, this.#length);
    this.#length += values.length;
  }

  /** All of them; memory that the next `push` may leave behind. */
  values(): T {
    return this.#values.subarray(0, this.#length) as T;
  }
}
