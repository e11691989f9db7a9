/** From a data set's record and its safetensors file to the common form, wherever the two came from. */
import type { DatasetRecord } from '../contract/datasets.ts';
import { KronlabError } from '../contract/errors.ts';
import { contentHash } from './content-hash.ts';
import type { ByteSource } from './import/byte-source.ts';
import { readSafetensorsHeader } from './import/formats/safetensors.ts';
import { defaultLimits } from './import/limits.ts';
import {
  elementBytes,
  type Tensor,
  type TensorDataset,
  type TensorType,
  type TensorValues,
} from './tensor-dataset.ts';

/** The tensors, checked against the record's hash. Throws `KronlabError` (`invalid`) where they are damaged. */
export async function readStored(record: DatasetRecord, source: ByteSource): Promise<TensorDataset> {
  const { name, kind, task, examples, classes, columns, edgeColumns, targets, splits, skipped } = record;
  const damaged = (why: string) =>
    new KronlabError('invalid', `the data set "${name}" (${record.id}) is damaged: ${why}; import it again`);
  const tensors = await readTensors(source, damaged);
  const dataset: TensorDataset = {
    ...{ name, kind, task, examples, tensors, classes, edgeColumns, targets, splits, skipped },
    columns,
  };
  if ((await contentHash(dataset)) !== record.hash) throw damaged('its content is not what was imported');
  return dataset;
}

/** In the types they were written with; the store writes no others. */
async function readTensors(
  source: ByteSource,
  damaged: (why: string) => KronlabError,
): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const { name, type, shape, start, bytes } of await readSafetensorsHeader(source, {
    limits: defaultLimits,
  })) {
    if (!Object.hasOwn(elementBytes, type)) throw damaged(`"${name}" is of type ${type}`);
    const piece = await source.read(start, bytes);
    if (piece.length !== bytes) throw damaged(`"${name}" is cut short`);
    tensors[name] = { type: type as TensorType, shape, data: valuesOf(type, piece) };
  }
  return tensors;
}

/** The values that these bytes are, in memory of their own. */
export function valuesOf(type: string, bytes: Uint8Array): TensorValues {
  const own = Uint8Array.from(bytes).buffer;
  if (type === 'u8') return new Uint8Array(own);
  return type === 'u32' ? new Uint32Array(own) : new Float32Array(own);
}
