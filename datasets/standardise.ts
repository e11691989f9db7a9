/**
 * Standardisation per channel or column. The statistics come from the training part alone: with those of the whole set
 * the validation examples would leak into training.
 */
import type { Scaling } from './dataset.ts';

/**
 * Mean and population standard deviation (1 where all values are the same) of each channel, in two passes in float64.
 *
 * @param values `[N, C, pixels]`, row-major, N at least 1; a table has one pixel
 */
export function channelStatistics(values: Float32Array, channels: number, pixels: number): Scaling {
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel += 1) {
    const sum = (term: (value: number) => number) => sumOver(values, channel, channels, pixels, term);
    const count = values.length / channels;
    const average = sum((value) => value) / count;
    const variance = sum((value) => (value - average) ** 2) / count;
    // Compared as values, not by the variance: rounding gives a constant channel a variance a little above 0.
    const first = values[channel * pixels];
    const different = sum((value) => (value === first ? 0 : 1));
    mean.push(average);
    std.push(different === 0 ? 1 : Math.sqrt(variance));
  }
  return { mean, std };
}

/** `(x - mean) / std` of each channel as a new array; `values` is `[N, C, pixels]`, row-major. */
export function standardise(
  values: Float32Array<ArrayBuffer>,
  { mean, std }: Scaling,
  pixels: number,
): Float32Array<ArrayBuffer> {
  return values.map((value, index) => {
    const channel = Math.floor(index / pixels) % mean.length;
    return (value - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
}

/** The sum of a term over all values of one channel, example by example. */
function sumOver(
  values: Float32Array,
  channel: number,
  channels: number,
  pixels: number,
  term: (value: number) => number,
): number {
  let sum = 0;
  for (let start = channel * pixels; start < values.length; start += channels * pixels)
    for (let i = start; i < start + pixels; i += 1) sum += term(values[i] ?? 0);
  return sum;
}
