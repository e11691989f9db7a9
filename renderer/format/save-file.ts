/** Hands a file made in the page to the browser's download, which is the desktop shell's as well. */

const types: Record<string, string> = {
  csv: 'text/csv;charset=utf-8',
  svg: 'image/svg+xml;charset=utf-8',
  json: 'application/json',
  safetensors: 'application/octet-stream',
};

/** `name` decides the type by its ending. */
export function saveFile(name: string, content: string | Uint8Array<ArrayBuffer>): void {
  const type = types[name.slice(name.lastIndexOf('.') + 1)] ?? 'text/plain;charset=utf-8';
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The download has read the address by the next task; later it would keep the text in memory for good.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
