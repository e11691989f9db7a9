/**
 * JPEG images by jpeg-js: pure JavaScript, so that an image has the same pixels in every browser and in Node, which the
 * platforms' own decoders do not promise.
 */
import jpeg from 'jpeg-js';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import type { RgbImage } from './png.ts';

/** Progressive files have a dozen scans; thousands of empty ones only cost time. */
const mostScans = 100;

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Decodes an image. Throws `KronlabError` (`invalid`). */
export function decodeJpeg(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  { limits }: ImportContext,
): RgbImage {
  checkFrame(bytes, file, limits.side);
  try {
    const { width, height, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: Math.max(1, (limits.side * limits.side) / 1e6),
      maxMemoryUsageInMB: 64 + (limits.side * limits.side * 32) / 1e6,
    });
    return { width, height, pixels: Uint8Array.from(data) };
  } catch (error) {
    throw damaged(file, `cannot be decoded (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** Finds the frame header and counts scans, segment by segment (ITU-T T.81, annex B). */
function checkFrame(bytes: Uint8Array, file: string, largest: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let frames = 0;
  let scans = 0;
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) {
      at += 1;
      continue;
    }
    const marker = bytes[at + 1]!;
    const hasLength = marker >= 0xc0 && marker < 0xff && !(marker >= 0xd0 && marker <= 0xd9);
    if (!hasLength) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const isFrame = marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && at + 9 <= bytes.length) {
      frames += 1;
      for (const side of [view.getUint16(at + 5), view.getUint16(at + 7)]) {
        if (side === 0) throw damaged(file, 'has no pixels');
        checkLimit(file, `byte ${at}`, side, largest, 'pixels along a side');
      }
    }
    if (marker === 0xda) scans += 1;
    at += 2 + Math.max(2, view.getUint16(at + 2));
  }
  if (frames !== 1) throw damaged(file, `has ${frames} frames instead of one`);
  checkLimit(file, null, scans, mostScans, 'scans');
}

function damaged(file: string, problem: string) {
  return fault(file, null, problem, 'the JPEG file is damaged: replace or remove it');
}
