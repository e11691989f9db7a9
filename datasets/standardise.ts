/**
 * Standardisation per channel. The statistics come from the training part alone: with those of the whole set the
 * validation examples would leak into training.
 */

/** `[C]` each. */
export interface ChannelStatistics {
  mean: number[];
  std: number[];
}

/**
 * Mean and population standard deviation of each channel, in two passes in float64.
 *
 * @param images `[N, C, pixels]`, row-major, N at least 1
 */
export function channelStatistics(images: Float32Array, channels: number, pixels: number): ChannelStatistics {
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < channels; channel += 1) {
    const values = channelValues(images, channel, channels, pixels);
    const average = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
    // Compared as values, not by the variance: rounding gives a constant channel a variance a little above 0.
    const constant = values.every((value) => value === values[0]);
    mean.push(average);
    std.push(constant ? 1 : Math.sqrt(variance));
  }
  return { mean, std };
}

/** `(x - mean) / std` of each channel as a new array; `images` is `[N, C, pixels]`, row-major. */
export function standardise(
  images: Float32Array,
  statistics: ChannelStatistics,
  pixels: number,
): Float32Array {
  const { mean, std } = statistics;
  return images.map((value, index) => {
    const channel = Math.floor(index / pixels) % mean.length;
    return (value - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
}

/** `[N * pixels]`, the values of one channel in float64. */
function channelValues(
  images: Float32Array,
  channel: number,
  channels: number,
  pixels: number,
): Float64Array {
  const examples = images.length / (channels * pixels);
  const values = new Float64Array(examples * pixels);
  for (let example = 0; example < examples; example += 1) {
    const start = (example * channels + channel) * pixels;
    values.set(images.subarray(start, start + pixels), example * pixels);
  }
  return values;
}
