/**
 * Images in folders by class: `cats/1.png`, or `train/cats/1.png` where the folder makes the split. All have the size
 * that most have; the others are left out and reported, as are files that cannot be decoded.
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

const splitFolders = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);
const layout = 'put the images of each class into a folder of its own: cats/1.png, dogs/2.png';

interface FoundImage {
  file: string;
  split: string | null;
  label: string;
  image: RgbImage;
}

export function isImageName(name: string): boolean {
  return /\.(png|jpe?g)$/i.test(name) && !baseName(name).startsWith('.');
}

/**
 * Reads all images, class by class in the order of their names. Where every image is grey, there is one channel, else
 * three. Throws `KronlabError` (`invalid`) where none can be read or an image lies in no folder of a class.
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
  const places = classesOf(images.map((source) => source.name));
  const skips = new Skips();
  const bySize = new Map<string, FoundImage[]>();
  let bytes = 0;
  for (const [index, source] of images.entries()) {
    context.signal?.throwIfAborted();
    const image = await decodeOrSkip(source, skips, context);
    context.onProgress?.({ file: source.name, done: index + 1, total: images.length });
    if (image === null) continue;
    bytes += image.pixels.length;
    checkLimit(name, null, bytes, limits.bytes, 'bytes of pixels');
    const size = `${image.width} x ${image.height}`;
    const same = bySize.get(size) ?? [];
    if (same.length === 0) bySize.set(size, same);
    same.push({ file: source.name, ...places[index]!, image });
  }
  const [most, ...others] = [...bySize].sort(([, a], [, b]) => b.length - a.length);
  if (most === undefined) {
    const why = skips.report().reasons[0];
    const detail = why === undefined ? '' : ` (${why.first}: ${why.reason})`;
    throw fault(name, null, `holds no image that can be read${detail}`, 'PNG and JPEG are read');
  }
  const [mostSize, found] = most;
  for (const [size, strange] of others)
    for (const { file } of strange) skips.add(`is not ${mostSize} as most images are`, `${file}, ${size}`);
  const { width, height } = found[0]!.image;
  const channels = found.every(({ image }) => isGreyImage(image.pixels)) ? 1 : 3;
  const parts: Part[] = Array.from(
    Map.groupBy(found, ({ split }) => split),
    ([split, own]) => ({
      split,
      file: found[0]!.file,
      count: own.length,
      inputs: planes(
        own.map(({ image }) => image.pixels),
        width * height,
        channels,
      ),
      labels: own.map(({ label }) => label),
    }),
  );
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

/**
 * Split and class of each image. The folder that holds all of them is no class. Throws where an image lies in no folder
 * of a class, and says what would be right.
 */
function classesOf(paths: readonly string[]): { split: string | null; label: string }[] {
  const folders = paths.map((path) => folderName(path).split('/'));
  const root = folders[0]?.[0];
  const hasRoot = folders.every(([first]) => first === root);
  const places = folders.map((parts) => {
    const split = parts
      .slice(0, -1)
      .map((part) => splitFolders.get(part.toLowerCase()))
      .findLast((found) => found !== undefined);
    const label = (hasRoot ? parts.slice(1) : parts).at(-1) ?? '';
    return { split: split ?? null, label };
  });
  const isLoose = (label: string) => label === '' || splitFolders.has(label.toLowerCase());
  const loose = places.findIndex(({ label }) => isLoose(label));
  if (loose === -1) return places;
  const where =
    places[loose]!.label === '' ? 'in no folder of a class' : 'in the folder of a split and of no class';
  const all = places.every(({ label }) => isLoose(label)) ? ', as do the others' : '';
  throw fault(
    paths[loose]!,
    null,
    `lies ${where}${paths.length === 1 ? '' : all}`,
    `${layout}, or remove it`,
  );
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
