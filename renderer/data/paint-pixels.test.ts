import { expect, test } from 'vitest';
import { meanPixels, rgbaOf } from './paint-pixels.ts';

test('turns grey and coloured bytes into opaque pixels', () => {
  expect([...rgbaOf({ width: 2, height: 1, channels: 1, pixels: btoa('\u0007\u00ff') })]).toEqual([
    7, 7, 7, 255, 255, 255, 255, 255,
  ]);
  expect([...rgbaOf({ width: 1, height: 1, channels: 3, pixels: btoa('\u0001\u0002\u0003') })]).toEqual([
    1, 2, 3, 255,
  ]);
});

test('draws a mean image over its own range, colours interleaved', () => {
  const grey = meanPixels([2, 3, 4], [1, 1, 3]);
  expect([...rgbaOf(grey)].filter((_, i) => i % 4 === 0)).toEqual([0, 128, 255]);
  const colour = meanPixels([0, 1, 2, 3, 4, 5], [3, 1, 2]);
  expect([...rgbaOf(colour)].slice(0, 3)).toEqual([0, 102, 204]);
  expect(meanPixels([1, 1], [1, 1, 2]).pixels).toBe(btoa('\u0000\u0000'));
});
