/** Files on their way over the calls that every transport carries: in pieces, as Base64. */

/** Bytes that one call carries at most: few enough that nothing else waits long behind them. */
export const pieceBytes = 4 * 1024 * 1024;

/** A file of `size` bytes, piece by piece; `changed` makes the error for one that is not the same to its end. */
export async function readPieces(
  size: number,
  read: (start: number) => Promise<{ bytes: string }>,
  changed: () => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const piece = fromBase64((await read(at)).bytes);
    if (piece.length === 0 || piece.length > size - at) throw changed();
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Hands the bytes over piece by piece; each waits for the one before. */
export async function writePieces(
  bytes: Uint8Array,
  write: (start: number, piece: string) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes)
    await write(at, toBase64(bytes.subarray(at, at + pieceBytes)));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  const run = 2 ** 15;
  let text = '';
  for (let at = 0; at < bytes.length; at += run) text += String.fromCharCode(...bytes.subarray(at, at + run));
  return btoa(text);
}
