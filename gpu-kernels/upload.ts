/** Copying to the GPU in pieces: what is written at once is held twice until it has arrived. */

const largestPiece = 64 * 2 ** 20;

/** Writes whole words; takes effect for everything submitted afterwards. */
export function upload(
  device: GPUDevice,
  buffer: GPUBuffer,
  offset: number,
  words: Uint32Array | Float32Array,
  piece = largestPiece,
): void {
  const data = words as Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  if (data.byteLength <= piece) {
    device.queue.writeBuffer(buffer, offset, data);
    return;
  }
  const perPiece = piece / data.BYTES_PER_ELEMENT;
  for (let at = 0; at < data.length; at += perPiece) {
    device.queue.writeBuffer(buffer, offset + at * data.BYTES_PER_ELEMENT, data.subarray(at, at + perPiece));
    // A submit, though empty, lets the piece go on its way before the next is copied.
    device.queue.submit([]);
  }
}
