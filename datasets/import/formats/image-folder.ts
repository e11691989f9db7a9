/**
 * Images in folders by class: `cats/1.png`, or `train/cats/1.png` where the folder makes the split. All have the size of
 * the first; the others are left out and reported, as are files that cannot be decoded.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import { assemble, type Part } from '../assemble.ts';
import { baseName, folderName, type ByteSource } from '../byte-source.ts';
import { readWhole } from '../byte-stream.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { Skips } from '../skips.ts';
import { decodeJpeg, isJpeg } from './jpeg.ts';
import { decodePng, isPng, type RgbImage } from './png.ts';
import { KronlabError } from '../../../contract/errors.ts';

const splitFolders: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  test: 'test',
  testing: 'test',
};

export function isImageName(name: string): boolean {
  return /\.(png|jpe?g)$/i.test(name) && !baseName(name).startsWith('.');
}

/**
 * Reads all images, class by class in the order of their names. Where every image is grey, there is one channel, else
 * three. Throws `KronlabError` (`invalid`) where none can be read or an image lies in no folder.
 */
export async function readImageFolder(
  sources: readonly ByteSource[],
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const { limits } = context;
  const images = sources
    .filter((source) => isImageName(source.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  checkLimit(name, null, images.length, limits.files, 'files');
  const skips = new Skips();
  const splits = new Map<string | null, { pixels: Uint8Array[]; labels: string[] }>();
  let first: { image: RgbImage; file: string } | null = null;
  let isGrey = true;
  let bytes = 0;
  for (const [index, source] of images.entries()) {
    context.signal?.throwIfAborted();
    const image = await decodeOrSkip(source, skips, context);
    context.onProgress?.({ file: source.name, done: index + 1, total: images.length });
    if (image === null) continue;
    first ??= { image, file: source.name };
    if (image.width !== first.image.width || image.height !== first.image.height) {
      const size = `${first.image.width} x ${first.image.height}`;
      skips.add(`is not ${size} as the first image is`, `${source.name}, ${image.width} x ${image.height}`);
      continue;
    }
    bytes += image.pixels.length;
    checkLimit(name, null, bytes, limits.bytes, 'bytes of pixels');
    isGrey &&= isGreyImage(image.pixels);
    const { split, label } = classOf(source.name);
    if (!splits.has(split)) splits.set(split, { pixels: [], labels: [] });
    const part = splits.get(split)!;
    part.pixels.push(image.pixels);
    part.labels.push(label);
  }
  if (first === null) {
    const why = skips.report().reasons[0];
    const detail = why === undefined ? '' : ` (${why.first}: ${why.reason})`;
    throw fault(name, null, `holds no image that can be read${detail}`, 'PNG and JPEG are read');
  }
  const { width, height } = first.image;
  const channels = isGrey ? 1 : 3;
  const parts: Part[] = Array.from(splits, ([split, { pixels, labels }]) => ({
    split: splits.size > 1 || split !== null ? split : null,
    file: first.file,
    count: labels.length,
    inputs: planes(pixels, width * height, channels),
    labels,
  }));
  return assemble(
    {
      name,
      kind: 'images',
      shape: [channels, height, width],
      parts,
      targetNames: ['folder'],
      skips,
    },
    limits,
  );
}

/** Decodes an image by its first bytes. Throws `KronlabError` (`invalid`). */
export async function decodeImage(source: ByteSource, context: ImportContext): Promise<RgbImage> {
  // No image of the largest side is longer, even stored without any compression.
  const bytes = await readWhole(source, 8 * context.limits.side ** 2 + (1 << 20), context);
  if (isPng(bytes)) return decodePng(bytes, source.name, context);
  if (isJpeg(bytes)) return decodeJpeg(bytes, source.name, context);
  throw fault(source.name, 'byte 0', 'is neither PNG nor JPEG', 'convert or remove it');
}

async function decodeOrSkip(source: ByteSource, skips: Skips, context: ImportContext) {
  try {
    return await decodeImage(source, { ...context, onProgress: () => undefined });
  } catch (error) {
    if (!(error instanceof KronlabError)) throw error;
    const problem = error.message.slice(source.name.length).replace(/^[,:]\s*/, '');
    skips.add(problem.replace(/\(.*\)/, '').split(';')[0]!, source.name);
    return null;
  }
}

function classOf(path: string): { split: string | null; label: string } {
  const folders = folderName(path)
    .split('/')
    .filter((part) => part !== '');
  const label = folders.at(-1);
  const above = folders.slice(0, -1).reverse();
  const split = above.map((part) => splitFolders[part.toLowerCase()]).find((found) => found !== undefined);
  if (label === undefined)
    throw fault(path, null, 'lies in no folder', 'put the images into one folder for each class');
  return { split: split ?? null, label };
}

function isGreyImage(pixels: Uint8Array): boolean {
  for (let at = 0; at < pixels.length; at += 3)
    if (pixels[at] !== pixels[at + 1] || pixels[at] !== pixels[at + 2]) return false;
  return true;
}

/** `[N][pixels, 3]` to `[N, C, pixels]`. */
function planes(images: readonly Uint8Array[], size: number, channels: number): Uint8Array {
  const values = new Uint8Array(images.length * channels * size);
  images.forEach((pixels, image) => {
    for (let channel = 0; channel < channels; channel += 1) {
      const start = (image * channels + channel) * size;
      for (let i = 0; i < size; i += 1) values[start + i] = pixels[3 * i + channel]!;
    }
  });
  return values;
}
