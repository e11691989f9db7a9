/** A short name of kernel texts that changes with them (FNV-1a, 32 bits). */
export function sourceVersion(texts: readonly string[]): string {
  let value = 0x811c9dc5;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return (value >>> 0).toString(16).padStart(8, '0');
}
