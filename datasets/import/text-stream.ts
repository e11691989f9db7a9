/**
 * A stream as UTF-8 text. Bytes that are no UTF-8 are an error with their place, never a replacement character; so are
 * zero bytes, which are valid UTF-8 but no text: files of numbers have them, and UTF-16 without a byte order mark.
 */
import type { ByteStream } from './byte-stream.ts';
import { checkLimit, fault, type ImportLimits } from './limits.ts';

/** The text piece by piece, without a byte order mark. Throws `KronlabError` (`invalid`) naming the first bad byte. */
export async function* textPieces(stream: ByteStream): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let before = 0;
  let tail: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  for await (const piece of stream.pieces()) {
    if (before === 0 && isUtf16(piece)) throw notUtf8(stream.name, 0, 'UTF-16');
    const zero = piece.indexOf(0);
    if (zero !== -1) {
      throw fault(
        stream.name,
        `byte ${before + zero}`,
        'holds a zero byte: it is no text, or UTF-16 without a mark that says so',
        'choose another format, or save the file as UTF-8, for example with "iconv -f UTF-16LE -t UTF-8"',
      );
    }
    let text: string;
    try {
      text = decoder.decode(piece, { stream: true });
    } catch {
      throw notUtf8(stream.name, before - tail.length + firstFault(tail, piece), null);
    }
    before += piece.length;
    tail = piece.slice(-3);
    if (text !== '') yield text;
  }
  try {
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  } catch {
    throw notUtf8(stream.name, before - tail.length + firstFault(tail, new Uint8Array(0)), null);
  }
}

/** Lines without their ends (`\n`, `\r\n`, `\r`), each with its number from 1. Throws where a line passes `limits.cell`. */
export async function* textLines(
  stream: ByteStream,
  limits: ImportLimits,
): AsyncGenerator<{ line: string; number: number }> {
  let rest = '';
  let number = 0;
  for await (const piece of textPieces(stream)) {
    const text = rest + piece;
    // What stands at the end of a piece may be the first half of a line's end.
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + text.slice(end);
    for (const line of lines) {
      number += 1;
      yield { line, number };
    }
    checkLimit(stream.name, `line ${number + 1}`, rest.length, limits.cell, 'characters in one line');
  }
  if (rest !== '') yield { line: rest.replace(/\r$/, ''), number: number + 1 };
}

function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/**
 * Where the first broken character in `tail` and `piece` begins, counted from the start of `tail`; found by trying
 * prefixes by halves.
 */
function firstFault(tail: Uint8Array, piece: Uint8Array): number {
  const bytes = new Uint8Array(tail.length + piece.length);
  bytes.set(tail);
  bytes.set(piece, tail.length);
  // The tail may begin inside a character: its leading continuation bytes were part of one already decoded.
  let start = 0;
  while (start < tail.length && (bytes[start]! & 0xc0) === 0x80) start += 1;
  const decodes = (end: number, stream: boolean) => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end), { stream });
      return true;
    } catch {
      return false;
    }
  };
  let good = start;
  let bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (decodes(middle, true)) good = middle;
    else bad = middle;
  }
  while (good > start && !decodes(good, false)) good -= 1;
  return good;
}

function notUtf8(file: string, byte: number, encoding: string | null) {
  const what = encoding === null ? 'is not UTF-8 text' : `is ${encoding} text`;
  return fault(
    file,
    `byte ${byte}`,
    what,
    `save the file as UTF-8, for example with "iconv -f ${encoding ?? 'LATIN1'} -t UTF-8"`,
  );
}
