/** Kronecker factors are stored with their side rounded up to whole vec4s, the padding zero. */
export function paddedSide(size: number): number {
  return Math.ceil(size / 4) * 4;
}
