/** Data sets of graphs one after another: where the parts of a split are files of their own. */
import { indexTensor, tensorOf, valueTensor, type Tensor, type TensorDataset } from './tensor-dataset.ts';

/**
 * The graphs of all parts in order, with everything else from the first. The parts must have the same columns, task,
 * targets and classes.
 */
export function joinGraphs(parts: readonly TensorDataset[]): TensorDataset {
  const [first] = parts;
  if (first === undefined) throw new Error('no graphs to join');
  const tensors = Object.fromEntries(
    Object.keys(first.tensors).map((name) => {
      const own = parts.map((part) => tensorOf(part, name));
      return [name, name.endsWith('Offsets') ? joinOffsets(own) : joinRows(own)];
    }),
  );
  return { ...first, examples: parts.reduce((sum, part) => sum + part.examples, 0), tensors };
}

function joinRows(parts: readonly Tensor[]): Tensor {
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...(parts[0]?.shape.slice(1) ?? [])];
  const isIndex = parts[0]?.type === 'u32';
  const numbers = parts.flatMap(({ data }) => Array.from(data));
  return isIndex
    ? indexTensor(shape, Uint32Array.from(numbers))
    : valueTensor(shape, Float32Array.from(numbers));
}

/** Each part's begin where those before end; one end of all parts stays. */
function joinOffsets(parts: readonly Tensor[]): Tensor {
  const offsets = [0];
  for (const { data } of parts) {
    const start = offsets.at(-1) ?? 0;
    for (const offset of data.subarray(1)) offsets.push(start + offset);
  }
  return indexTensor([offsets.length], Uint32Array.from(offsets));
}
