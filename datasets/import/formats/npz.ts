/** NPZ, NumPy's archive of arrays: a ZIP whose members are NPY files. */
import { fault, type ImportContext } from '../limits.ts';
import type { ByteSource } from '../byte-source.ts';
import type { NamedArray } from '../named-arrays.ts';
import { readZip } from '../zip.ts';
import { readNpy } from './npy.ts';

/** All arrays of the archive by name. Throws `KronlabError` (`invalid`). */
export async function readNpz(source: ByteSource, context: ImportContext): Promise<NamedArray[]> {
  const arrays: NamedArray[] = [];
  const members = await readZip(source, context);
  const isOffice = members.some(({ name }) => name === '[Content_Types].xml');
  if (isOffice || members.some(({ name }) => name === 'META-INF/manifest.xml'))
    throw fault(source.name, null, 'is a spreadsheet or another office file', 'save its table as CSV');
  for (const member of members) {
    if (!member.name.endsWith('.npy')) {
      throw fault(
        source.name,
        `member "${member.name}"`,
        'is no NPY array, and of ZIP archives those of arrays alone are read',
        'unpack it and import what is in it, or give an archive that numpy.savez wrote',
      );
    }
    arrays.push(await readNpy(member.open(), member.name.slice(0, -4), context));
  }
  return arrays;
}
