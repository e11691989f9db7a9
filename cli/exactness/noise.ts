/** Numbers for nets that are made up: the same on every machine. */
import { createRandom } from '../../datasets/random.ts';

/** So many numbers between -1 and 1, new ones on every call. */
export type Noise = (count: number) => Float32Array;

export function createNoise(seed: number): Noise {
  const random = createRandom(seed);
  return (count) => Float32Array.from({ length: count }, () => random.nextUint32() / 2 ** 31 - 1);
}
