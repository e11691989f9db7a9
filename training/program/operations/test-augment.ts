/** Augmentation with plain loops: images are padded, cut out, mirrored and blotted one after another, as its definition says. */
import type { AugmentationSpec } from '../../../contract/run-spec.ts';

export interface Pixels {
  channels: number;
  height: number;
  width: number;
}

/** One image of `pixels` moved as drawn: row and column of the crop, 1 for a flip, row and column of the blot's centre. */
export function movedImage(
  image: ArrayLike<number>,
  { channels, height, width }: Pixels,
  { shift, flip, cutout }: AugmentationSpec,
  [top = 0, left = 0, flipped = 0, centreRow = 0, centreColumn = 0]: ArrayLike<number> & Iterable<number>,
  fill: ArrayLike<number>,
): number[] {
  return Array.from({ length: channels }, (_, c) => {
    const padded = Array.from({ length: height + 2 * shift }, () =>
      Array<number>(width + 2 * shift).fill(fill[c]!),
    );
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) padded[y + shift]![x + shift] = image[(c * height + y) * width + x]!;
    const cropped = padded.slice(top, top + height).map((line) => line.slice(left, left + width));
    const turned =
      flip === 'horizontal' && flipped === 1 ? cropped.map((line) => line.toReversed()) : cropped;
    const [first, before] = [centreRow - Math.floor(cutout / 2), centreColumn - Math.floor(cutout / 2)];
    for (let y = Math.max(0, first); y < Math.min(height, first + cutout); y++)
      for (let x = Math.max(0, before); x < Math.min(width, before + cutout); x++) turned[y]![x] = 0;
    return turned.flat();
  }).flat();
}
