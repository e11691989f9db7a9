/** Bytes of a sample image onto a canvas, and values of a mean image into bytes. */
import type { SampleImage } from '../../contract/datasets.ts';

export type Pixels = Omit<SampleImage, 'label'>;

/** Red, green, blue and full opacity for each pixel. */
export function rgbaOf({ width, height, channels, pixels }: Pixels): Uint8ClampedArray<ArrayBuffer> {
  const bytes = atob(pixels);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i += 1)
    for (let channel = 0; channel < 3; channel += 1)
      rgba[4 * i + channel] = bytes.charCodeAt(i * channels + (channels === 1 ? 0 : channel));
  return rgba;
}

export function paintPixels(canvas: HTMLCanvasElement, image: Pixels): void {
  canvas.getContext('2d')?.putImageData(new ImageData(rgbaOf(image), image.width, image.height), 0, 0);
}

/** The mean image `[C, H, W]` over its own range; the first channel, or the first three as colours. */
export function meanPixels(
  values: readonly number[],
  [channels, height, width]: readonly [number, number, number],
): Pixels {
  const shown = channels >= 3 ? 3 : 1;
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  const scale = most > least ? 255 / (most - least) : 0;
  let pixels = '';
  for (let i = 0; i < height * width; i += 1)
    for (let channel = 0; channel < shown; channel += 1)
      pixels += String.fromCharCode(Math.round((values[channel * height * width + i]! - least) * scale));
  return { width, height, channels: shown, pixels: btoa(pixels) };
}
