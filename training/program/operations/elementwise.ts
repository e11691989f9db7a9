/**
 * Elementwise operations with broadcasting, generated from expressions: forward and gradient of a function are one
 * line of WGSL each. Shapes follow NumPy's rule (aligned at the last axis, sizes equal or 1).
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './elementwise.wgsl';
import { sumTo } from './reduce.ts';

/**
 * A function as WGSL over its inputs `a`, `b`, ... of type `T` (f32 or vec4f). `gradients[i]` is the derivative by
 * input i times the incoming gradient, which is the name after the function's own inputs.
 */
export interface ElementwiseFunction {
  name: string;
  expression: string;
  gradients: string[];
}

const names = ['a', 'b', 'c', 'd', 'e'];

const operation: Operation<ElementwiseFunction> = {
  name: 'elementwise',
  gradient(node, [g], needed) {
    return node.inputs.map((input, i) => {
      const expression = node.attributes.gradients[i];
      if (!g || !needed[i] || expression === undefined) return null;
      const name = `${node.attributes.name} gradient`;
      return sumTo(elementwise({ name, expression, gradients: [] }, ...node.inputs, g), input.shape);
    });
  },
  lower,
};

/** Applies a function to every element, inputs broadcast by NumPy's rule. */
export function elementwise(fn: ElementwiseFunction, ...inputs: Tensor[]): Tensor {
  const shape = broadcastShape(fn.name, inputs);
  return (inputs[0] as Tensor).graph.add1(operation, inputs, { shape, label: fn.name }, fn);
}

/** a + b. */
export function add(a: Tensor, b: Tensor): Tensor {
  const fn = { name: 'add', expression: 'a + b', gradients: [] };
  return a.graph.add1(addOperation, [a, b], { shape: broadcastShape('add', [a, b]), label: 'add' }, fn);
}

/** The gradient of a summand of full shape is the incoming one itself: nothing is computed. */
const addOperation: Operation<ElementwiseFunction> = {
  ...operation,
  name: 'add',
  gradient: (node, [g], needed) =>
    node.inputs.map((input, i) => (g && needed[i] ? sumTo(g, input.shape) : null)),
};

/** a * b. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return elementwise({ name: 'multiply', expression: 'a * b', gradients: ['c * b', 'c * a'] }, a, b);
}

/** factor * a. */
export function scale(a: Tensor, factor: number): Tensor {
  const f = `T(${factor})`;
  return elementwise({ name: 'scale', expression: `a * ${f}`, gradients: [`b * ${f}`] }, a);
}

/** factor * a, repeated along axes of size 1 to fill a shape. */
export function broadcastTo(a: Tensor, shape: readonly number[], factor = 1): Tensor {
  const f = `T(${factor})`;
  const fn = { name: 'broadcast', expression: `a * ${f}`, gradients: [`b * ${f}`] };
  return a.graph.add1(operation, [a], { shape, label: fn.name }, fn);
}

/** max(a, 0), but NaN for NaN: `max` may answer 0 there, and a net that has diverged would go on as if it had not. */
export function relu(a: Tensor): Tensor {
  const fn = { expression: 'select(a, T(0.0), a < T(0.0))', gradients: ['select(T(0.0), b, a > T(0.0))'] };
  return elementwise({ name: 'relu', ...fn }, a);
}

export function tanh(a: Tensor): Tensor {
  const gradient = 'b * (T(1.0) - safeTanh(a) * safeTanh(a))';
  return elementwise({ name: 'tanh', expression: 'safeTanh(a)', gradients: [gradient] }, a);
}

/** GELU, exact: a Phi(a). */
export function gelu(a: Tensor): Tensor {
  const density = `T(${1 / Math.sqrt(2 * Math.PI)}) * exp(T(-0.5) * a * a)`;
  const gradient = `b * (normalCdf(a) + a * ${density})`;
  return elementwise({ name: 'gelu', expression: 'a * normalCdf(a)', gradients: [gradient] }, a);
}

/** GELU by the tanh approximation: 0.5 a (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))). */
export function geluTanh(a: Tensor): Tensor {
  const c = Math.sqrt(2 / Math.PI);
  const t = `safeTanh(T(${c}) * (a + T(0.044715) * a * a * a))`;
  const slope = `T(${c}) + T(${3 * 0.044715 * c}) * a * a`;
  const gradient = `b * T(0.5) * (T(1.0) + ${t} + a * (T(1.0) - ${t} * ${t}) * (${slope}))`;
  return elementwise(
    { name: 'gelu (tanh)', expression: `T(0.5) * a * (T(1.0) + ${t})`, gradients: [gradient] },
    a,
  );
}

function broadcastShape(name: string, inputs: Tensor[]): number[] {
  const rank = Math.max(...inputs.map((t) => t.shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = inputs.map((t) => t.shape[t.shape.length - rank + axis] ?? 1);
    const dim = Math.max(...dims);
    if (dims.some((d) => d !== dim && d !== 1)) {
      const shapes = inputs.map((t) => `[${t.shape.join(', ')}]`).join(' and ');
      throw new KronlabError('internal', `${name}: shapes ${shapes} do not broadcast`);
    }
    return dim;
  });
}

function lower(node: Node<ElementwiseFunction>, lowering: Lowering): Dispatch[] {
  const output = node.outputs[0] as Tensor;
  const quads =
    lastAxis(output) % 4 === 0 && node.inputs.every((input) => lastAxis(input) === lastAxis(output));
  const width = quads ? 4 : 1;
  const type = quads ? 'vec4f' : 'f32';
  const grid = linearGrid(size(output.shape) / width, 64);
  const code = expandTemplate(source, {
    TYPE: type,
    ROW: grid.row,
    COUNT: grid.count,
    LOADS: node.inputs
      .map((input, i) => `  let ${names[i]} = in${i}[${broadcastIndex(output.shape, input.shape, width)}];`)
      .join('\n'),
    EXPRESSION: node.attributes.expression,
  });
  const inputs = node.inputs.map((input, i) => ({
    name: `in${i}`,
    type: `array<${type}>`,
    region: lowering.region(input),
    write: false,
  }));
  const result = { name: 'result', type: `array<${type}>`, region: lowering.region(output), write: true };
  return [
    {
      label: node.attributes.name,
      code,
      bindings: [...inputs, result],
      workgroups: grid.workgroups,
      flops: size(output.shape),
    },
  ];
}

/** WGSL for the index into an input, given the index `i` into the output; both count `width` numbers at a time. */
function broadcastIndex(out: readonly number[], input: readonly number[], width: number): string {
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
