import { describe, expect, it } from 'vitest';
import { channelStatistics, standardise } from './standardise.ts';

describe('channelStatistics', () => {
  it('takes each channel by itself', () => {
    // [2 examples, 2 channels, 2 pixels]: channel 0 holds 1 3 5 7, channel 1 holds 10 10 20 20.
    const images = Float32Array.of(1, 3, 10, 10, 5, 7, 20, 20);
    const { mean, std } = channelStatistics(images, 2, 2);
    expect(mean).toEqual([4, 15]);
    expect(std).toEqual([Math.sqrt(5), 5]);
  });

  it('gives a constant channel a deviation of 1, so that it becomes 0', () => {
    const images = new Float32Array(30).fill(0.1);
    const statistics = channelStatistics(images, 1, 3);
    expect(statistics.std).toEqual([1]);
    for (const value of standardise(images, statistics, 3)) expect(Math.abs(value)).toBeLessThan(1e-7);
  });
});

describe('standardise', () => {
  it('uses the statistics it is given and leaves its input alone', () => {
    const images = Float32Array.of(1, 3, 10, 10);
    expect([...standardise(images, { mean: [1, 4], std: [2, 3] }, 2)]).toEqual([0, 1, 2, 2]);
    expect([...images]).toEqual([1, 3, 10, 10]);
  });
});
