/**
 * Reverse-mode differentiation on the program: walks the nodes backwards from seeds and asks each operation for its
 * gradient. Works from any tensor (the logits with a pseudo-gradient, for curvature) to any tensors (parameters, or
 * the outputs of weight-sharing layers), and builds only what lies on a path between them.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { Graph, Node, Tensor } from './graph.ts';
import { add } from './operations/elementwise.ts';

export interface Seed {
  tensor: Tensor;
  gradient: Tensor;
}

/**
 * Gradients of sum(seed.gradient * seed.tensor) with respect to each tensor of `wrt`; missing when independent. `visit` is
 * told each of them as soon as it is complete: what it adds to the program stands before the rest of the backward pass, so
 * that a gradient nobody else reads need not outlive it.
 */
export function backward(
  graph: Graph,
  seeds: readonly Seed[],
  wrt: readonly Tensor[],
  visit: (tensor: Tensor, gradient: Tensor) => void = () => undefined,
): Map<Tensor, Tensor> {
  const wanted = new Set(wrt);
  const dependent = dependentTensors(graph, wanted);
  const gradients = new Map<Tensor, Tensor>();
  for (const seed of seeds) accumulate(gradients, seed.tensor, seed.gradient);
  // Gradient nodes are appended while walking: only those that exist now are visited.
  for (const node of graph.nodes.slice(0, graph.nodes.length).reverse()) {
    const outputGradients = node.outputs.map((output) => gradients.get(output) ?? null);
    if (outputGradients.every((g) => g === null)) continue;
    const read = asReadLate(graph, node);
    node.outputs.forEach((output, i) => {
      const gradient = outputGradients[i];
      if (gradient && wanted.has(output)) visit(output, gradient);
    });
    const needed = node.inputs.map((input) => dependent.has(input));
    if (!needed.includes(true)) continue;
    pullBack(read, node.inputs, outputGradients, needed, gradients);
  }
  return new Map(
    wrt.flatMap((tensor) => {
      const gradient = gradients.get(tensor);
      return gradient ? [[tensor, gradient] as const] : [];
    }),
  );
}

/** The node as its gradient rule sees it: with copies in place of what is not kept. */
function asReadLate(graph: Graph, node: Node): Node {
  if (!graph.recomputation) return node;
  const late = (tensor: Tensor): Tensor => graph.late(tensor);
  return { ...node, inputs: node.inputs.map(late), outputs: node.outputs.map(late) };
}

/** `inputs` are those of the forward pass, by which gradients are known. */
function pullBack(
  node: Node,
  inputs: readonly Tensor[],
  outputGradients: (Tensor | null)[],
  needed: boolean[],
  gradients: Map<Tensor, Tensor>,
): void {
  const rule = node.operation.gradient;
  if (!rule) throw new KronlabError('internal', `operation ${node.operation.name} has no gradient rule`);
  const inputGradients = rule(node, outputGradients, needed);
  inputs.forEach((input, i) => {
    const gradient = inputGradients[i];
    if (needed[i] && gradient) accumulate(gradients, input, gradient);
  });
}

function accumulate(gradients: Map<Tensor, Tensor>, tensor: Tensor, gradient: Tensor): void {
  const before = gradients.get(tensor);
  gradients.set(tensor, before ? add(before, gradient) : gradient);
}

/** The wanted tensors and everything computed from them. */
function dependentTensors(graph: Graph, wanted: ReadonlySet<Tensor>): Set<Tensor> {
  const dependent = new Set(wanted);
  for (const node of graph.nodes) {
    if (node.inputs.some((input) => dependent.has(input))) node.outputs.forEach((o) => dependent.add(o));
  }
  return dependent;
}
