/**
 * Memory for time: results of the forward pass that are cheap to make (an activation, a normalisation, zeros around an
 * image) are made again where the backward pass first reads them, from what is kept in any case, instead of being kept from
 * one to the other. The same functions of the same numbers: a step has the same bits unless a copy is fused where the
 * shader compiler contracts what it did not contract before (a product and a sum into one rounding).
 */
import { Graph, rootOf, size, type Node, type Recomputation, type Tensor } from './graph.ts';

/** Numbers below which a launch costs more than the memory is worth. */
const smallest = 256;

/** A graph whose backward pass makes again what is cheap to make. */
export function recomputingGraph(): Graph {
  const graph = new Graph();
  graph.recomputation = new Copies(graph);
  return graph;
}

class Copies implements Recomputation {
  private readonly graph: Graph;
  private readonly copies = new Map<Tensor, Tensor>();
  private readonly answers = new Map<Tensor, boolean>();
  /** Of every leaf: numbers of the effects that may have written its memory, as far as the nodes were `seen`. */
  private readonly changes = new Map<Tensor, number[]>();
  private seen = 0;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  of(tensor: Tensor): Tensor {
    const known = this.copies.get(tensor);
    if (known) return known;
    // A round of a loop would make it once more.
    if (this.graph.isInLoop || size(tensor.shape) < smallest || !this.isCheap(tensor)) return tensor;
    // Every step replays the backward phase, so that whoever comes later may read the copy too.
    const copy = this.graph.inPhase('backward', () => this.copyOf(tensor));
    this.copies.set(tensor, copy);
    return copy;
  }

  private copyOf(tensor: Tensor): Tensor {
    const { operation, inputs, attributes, outputs } = tensor.node;
    const [input] = inputs;
    if (operation.isView) return this.graph.reshape(this.of(input as Tensor), tensor.shape);
    const [copy] = this.graph.add(
      operation,
      inputs.map((one) => this.of(one)),
      {
        attributes,
        outputs: outputs.map(({ shape, type, label }) => ({ shape, type, label })),
        isCopy: true,
      },
    );
    return copy as Tensor;
  }

  /** Whether it can be made again by cheap operations from tensors that the backward pass needs in any case. */
  private isCheap(tensor: Tensor): boolean {
    const known = this.answers.get(tensor);
    if (known !== undefined) return known;
    const answer = this.decide(tensor);
    this.answers.set(tensor, answer);
    return answer;
  }

  private decide(tensor: Tensor): boolean {
    const { node } = tensor;
    if (node.operation.isView) return this.isCheap(node.inputs[0] as Tensor);
    const isFirst = node.outputs[0] === tensor;
    if (!isFirst || !isOfForward(node) || !node.operation.cheap || this.graph.placed.has(tensor))
      return false;
    const kept = node.operation.cheap(node);
    return node.inputs.every((input, i) => {
      const root = rootOf(input);
      if (isLeaf(root)) return !this.changesAfter(root, node);
      return kept.includes(i) || root.node.operation.keepsOutput === true || this.isCheap(root);
    });
  }

  /** Whether an effect may have written the memory of a leaf since the node read it. */
  private changesAfter(leaf: Tensor, { index }: Node): boolean {
    const { nodes } = this.graph;
    for (; this.seen < nodes.length; this.seen++) {
      const node = nodes[this.seen] as Node;
      if (!node.isEffect) continue;
      for (const root of node.inputs.map(rootOf))
        if (isLeaf(root)) this.changes.set(root, [...(this.changes.get(root) ?? []), node.index]);
    }
    return this.changes.get(leaf)?.some((at) => at > index) ?? false;
  }
}

function isOfForward(node: Node): boolean {
  return node.phase === 'forward' && !node.loop && !node.isEffect;
}

function isLeaf(tensor: Tensor): boolean {
  return tensor.node.operation.name === 'leaf';
}
