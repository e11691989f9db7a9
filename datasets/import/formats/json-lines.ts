/** JSON lines: an object or a list on every line; fields are columns, lists of numbers are numbered columns. */
import type { TensorDataset } from '../../tensor-dataset.ts';
import { openStream } from '../byte-stream.ts';
import type { ByteSource } from '../byte-source.ts';
import type { ImportContext } from '../limits.ts';
import { ObjectRows } from '../rows.ts';
import type { TableOptions } from '../table.ts';
import { textLines } from '../text-stream.ts';

/**
 * Reads a table. Lines that are no JSON are left out and reported, unless it is the first. Throws `KronlabError`
 * (`invalid`).
 */
export async function readJsonLines(
  source: ByteSource,
  options: TableOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const rows = new ObjectRows(source.name, options, context);
  for await (const { line, number } of textLines(await openStream(source, context), context.limits)) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      rows.skip('is no JSON', number);
      continue;
    }
    rows.add(value, number);
  }
  return rows.finish(name);
}
