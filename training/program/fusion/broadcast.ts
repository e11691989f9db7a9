/** Index arithmetic of broadcasting, as WGSL text. */
import { size } from '../graph.ts';

/**
 * WGSL for the index into an input of shape `input`, given the index `i` into an output of shape `out` (NumPy's rule).
 * `i` counts `width` numbers at a time; so does the answer, unless the input's last axis is 1 and is repeated: then it
 * counts single numbers.
 */
export function broadcastIndex(out: readonly number[], input: readonly number[], width: number): string {
  if (size(out) === size(input)) return 'i';
  const rank = out.length;
  const inDim = (axis: number) => input[input.length - rank + axis] ?? 1;
  const terms: string[] = [];
  let outStride = 1;
  let inStride = 1;
  for (let axis = rank - 1; axis >= 0;) {
    const repeats = inDim(axis) === 1;
    // Neighbouring axes that broadcast alike are one axis.
    let extent = 1;
    for (; axis >= 0 && (inDim(axis) === 1) === repeats; axis--) {
      extent *= axis === rank - 1 ? (out[axis] ?? 1) / width : (out[axis] ?? 1);
    }
    if (!repeats) {
      const coordinate = axis < 0 ? `(i / ${outStride}u)` : `(i / ${outStride}u % ${extent}u)`;
      terms.push(`${coordinate} * ${inStride}u`);
      inStride *= extent;
    }
    outStride *= extent;
  }
  return terms.join(' + ') || '0u';
}

/** Whether every operand of an elementwise node can be read four numbers at a time, or is one number repeated. */
export function isInQuads(out: readonly number[], inputs: readonly (readonly number[])[]): boolean {
  const last = out.at(-1) ?? 1;
  if (last % 4 !== 0) return false;
  return inputs.every((input) => (input.at(-1) ?? 1) === last || (input.at(-1) ?? 1) === 1);
}
