/** Initial values as PyTorch's modules draw them, from a counter of our own so that a seed gives the same net everywhere. */
import type { Initialiser } from '../program/parameters.ts';

export const zeros: Initialiser = (_, count) => new Float32Array(count);

export const ones: Initialiser = (_, count) => new Float32Array(count).fill(1);

/** Uniform in +-1/sqrt(fanIn): nn.Linear's and nn.Conv2d's default for weight and bias alike. */
export function uniformFanIn(fanIn: number): Initialiser {
  const bound = 1 / Math.sqrt(fanIn);
  return (random, count) => Float32Array.from({ length: count }, () => (2 * unit(random) - 1) * bound);
}

/** Normal with mean 0, by Box and Muller. */
export function normal(std: number): Initialiser {
  return (random, count) =>
    Float32Array.from({ length: count }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - unit(random)));
      return std * radius * Math.cos(2 * Math.PI * unit(random));
    });
}

/** A number in [0, 1) with 32 random bits. */
function unit(random: { nextUint32(): number }): number {
  return random.nextUint32() / 2 ** 32;
}
