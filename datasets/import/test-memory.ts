/** What an attempt costs in memory: the largest piece it asks for, and how far the heap grows under it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { vi } from 'vitest';

const watchedNames = [
  ...(['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Uint32Array'] as const),
  ...(['Int32Array', 'Float32Array', 'Float64Array'] as const),
];

/** The most bytes that anybody asked for at once since the last `resetLargest`. */
let largest = 0;

export function largestRequest(): number {
  return largest;
}

/** Counts what constructors of memory are asked for, without anybody noticing, until globals are unstubbed. */
export function watchRequests(): void {
  for (const name of watchedNames) {
    const original: { new (length: number): object; BYTES_PER_ELEMENT?: number } = globalThis[name];
    const watched: typeof original = new Proxy(original, {
      construct(target, args: [number], newTarget): object {
        // A length that is no number makes an empty array.
        if (typeof args[0] === 'number' && !Number.isNaN(args[0]))
          largest = Math.max(largest, args[0] * (original.BYTES_PER_ELEMENT ?? 1));
        return Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object;
      },
    });
    vi.stubGlobal(name, watched);
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Follows the heap, objects and buffers together, while an attempt calls `look` now and then. */
export class HeapWatch {
  readonly #start = heapBytes();
  #most = 0;

  look(): void {
    this.#most = Math.max(this.#most, heapBytes() - this.#start);
  }

  /** How many bytes it grew at most, as far as anybody looked. */
  get growth(): number {
    return this.#most;
  }
}

function heapBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Runs an attempt and answers how far the heap grew. What earlier attempts left to be collected is no growth of this one:
 * above `most` it is run a second time on a clean heap, and the smaller growth counts.
 */
export async function heapGrowth(
  most: number,
  attempt: (watch: HeapWatch) => Promise<void>,
): Promise<number> {
  largest = 0;
  const first = new HeapWatch();
  await attempt(first);
  first.look();
  if (first.growth <= most) return first.growth;
  collect();
  const second = new HeapWatch();
  await attempt(second);
  second.look();
  return Math.min(first.growth, second.growth);
}
