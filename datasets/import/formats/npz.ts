/** NPZ, NumPy's archive of arrays: a ZIP whose members are NPY files. */
import { fault, type ImportContext } from '../limits.ts';
import type { ByteSource } from '../byte-source.ts';
import type { NamedArray } from '../named-arrays.ts';
import { readZip } from '../zip.ts';
import { readNpy } from './npy.ts';

/** All arrays of the archive by name. Throws `KronlabError` (`invalid`). */
export async function readNpz(source: ByteSource, context: ImportContext): Promise<NamedArray[]> {
  const arrays: NamedArray[] = [];
  for (const member of await readZip(source, context)) {
    if (!member.name.endsWith('.npy')) {
      throw fault(
        source.name,
        `member "${member.name}"`,
        'is no NPY array',
        'give an archive that numpy.savez wrote',
      );
    }
    arrays.push(await readNpy(member.open(), member.name.slice(0, -4), context));
  }
  return arrays;
}
