/**
 * Elementwise operations with broadcasting, generated from expressions: forward and gradient of a function are one
 * line of WGSL each. Shapes follow NumPy's rule (aligned at the last axis, sizes equal or 1).
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { operandName } from '../fusion/access.ts';
import { isInQuads } from '../fusion/broadcast.ts';
import { size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './elementwise.wgsl';
import functionsSource from './pointwise-functions.wgsl';
import { sumTo } from './reduce.ts';
import { shapeText } from './shape-rules.ts';

/**
 * A function as WGSL over its inputs `a`, `b`, ... of type `T` (f32 or vec4f). `gradients[i]` is the derivative by
 * input i times the incoming gradient, which is the name after the function's own inputs.
 */
export interface ElementwiseFunction {
  name: string;
  expression: string;
  gradients: string[];
  /** WGSL functions over `T` that the expressions may call. Left out: those of `pointwise-functions.wgsl`. */
  functions?: string;
}

const operation: Operation<ElementwiseFunction> = {
  name: 'elementwise',
  pointwise: (node) => node.attributes.expression,
  pointwiseFunctions: (node) => node.attributes.functions ?? functionsSource,
  gradient(node, [g], needed) {
    return node.inputs.map((input, i) => {
      const slope = gradientOf(node.attributes, i);
      if (!g || !needed[i] || !slope) return null;
      return sumTo(applied(slope, node.inputs, g), input.shape);
    });
  },
  cheap: ({ attributes, inputs }) => {
    const read = attributes.gradients.flatMap((expression) => namesIn(expression, inputs.length));
    return inputs.flatMap((_, i) => (read.includes(i) ? [i] : []));
  },
  lower,
};

/** Names of inputs in an expression. */
const namePattern = /\b[a-z]\d*\b/g;

/** Which of a function's first inputs an expression names. */
function namesIn(expression: string, count: number): number[] {
  const names = new Set(expression.match(namePattern));
  return Array.from({ length: count }, (_, i) => i).filter((i) => names.has(operandName(i)));
}

/**
 * The derivative with the incoming gradient, as a function of those inputs alone that it reads: the others need not be kept
 * for it.
 */
function applied(slope: ElementwiseFunction, inputs: readonly Tensor[], g: Tensor): Tensor {
  const read = namesIn(slope.expression, inputs.length);
  const renamed = new Map([...read, inputs.length].map((from, to) => [operandName(from), operandName(to)]));
  const expression = slope.expression.replace(namePattern, (name) => renamed.get(name) ?? name);
  return elementwise({ ...slope, expression }, ...read.map((i) => inputs[i] as Tensor), g);
}

/** The derivative by input i times the incoming gradient as a function of its own; null where there is none. */
function gradientOf(fn: ElementwiseFunction, i: number): ElementwiseFunction | null {
  const expression = fn.gradients[i];
  if (expression === undefined) return null;
  return { ...fn, name: `${fn.name} gradient`, expression, gradients: [] };
}

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
  cheap: () => [],
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
  const rank = shape.length - a.shape.length;
  if (rank < 0 || a.shape.some((dim, i) => dim !== 1 && dim !== shape[rank + i])) {
    throw new KronlabError(
      'internal',
      `broadcast: ${a.label} of shape ${shapeText(a.shape)} cannot fill ${shapeText(shape)}`,
    );
  }
  const f = `T(${factor})`;
  const fn = { name: 'broadcast', expression: `a * ${f}`, gradients: [`b * ${f}`] };
  return a.graph.add1(operation, [a], { shape, label: fn.name }, fn);
}

/** max(a, 0), but NaN for NaN: `max` may answer 0 there, and a net that has diverged would go on as if it had not. */
export function relu(a: Tensor): Tensor {
  return fromOutput(reluFunction, a);
}

const reluFunction: ElementwiseFunction = {
  name: 'relu',
  expression: 'select(a, T(0.0), a < T(0.0))',
  gradients: ['select(T(0.0), b, a > T(0.0))'],
};

/** What `relu` made x from; null where x comes from elsewhere. */
export function inputOfRelu(x: Tensor): Tensor | null {
  return x.node.attributes === reluFunction ? (x.node.inputs[0] ?? null) : null;
}

export function tanh(a: Tensor): Tensor {
  const fn = { name: 'tanh', expression: 'safeTanh(a)', gradients: ['b * (T(1.0) - a * a)'] };
  return fromOutput(fn, a);
}

/**
 * A function of one input whose derivative is told by its own result: in `gradients[0]` the name `a` is the output, so
 * that the backward pass needs no copy of the input.
 */
export function fromOutput(fn: ElementwiseFunction, a: Tensor): Tensor {
  return a.graph.add1(fromOutputOperation, [a], { shape: a.shape, label: fn.name }, fn);
}

const fromOutputOperation: Operation<ElementwiseFunction> = {
  ...operation,
  cheap: () => [],
  keepsOutput: true,
  gradient(node, [g], needed) {
    const slope = gradientOf(node.attributes, 0);
    return [g && needed[0] && slope ? elementwise(slope, node.outputs[0] as Tensor, g) : null];
  },
};

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
      const shapes = inputs.map((t) => shapeText(t.shape)).join(' and ');
      throw new KronlabError('internal', `${name}: shapes ${shapes} do not broadcast`);
    }
    return dim;
  });
}

function lower(node: Node<ElementwiseFunction>, lowering: Lowering): Dispatch[] {
  const output = node.outputs[0] as Tensor;
  const inputs = node.inputs.map((input) => input.shape);
  const unit = isInQuads(output.shape, inputs) ? 4 : 1;
  const grid = linearGrid(size(output.shape) / unit, 64);
  const value = lowering.value('value', node, unit);
  const result = lowering.writer('result', output, unit);
  return [
    {
      label: node.attributes.name,
      code: [value.code, result.code, expandTemplate(source, { ROW: grid.row, COUNT: grid.count })].join(
        '\n',
      ),
      bindings: [...value.bindings, ...result.bindings],
      workgroups: grid.workgroups,
      flops: size(output.shape),
    },
  ];
}
