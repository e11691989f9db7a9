/**
 * Finds nodes that compute what an earlier node computes already, for example the transposed image that two branches
 * ask for, or the softmax that a gradient writes down again. The later one is dropped and its outputs become names of
 * the earlier one's.
 */
import type { Phase } from '../../contract/runs.ts';
import { Graph, type Node, type Tensor } from './graph.ts';

/** Answers the tensor that owns the memory of another: through views, and through nodes that were found to be repeats. */
export type Resolve = (tensor: Tensor) => Tensor;

/** Phases that every step replays, so that what they computed is there for every later phase. */
const always: ReadonlySet<Phase> = new Set<Phase>(['forward', 'backward']);

/**
 * The owner of every tensor's memory. Two nodes are the same when operation, attributes and inputs are; effects, leaves
 * and results with memory of their own are always kept.
 */
export function findRepeats(graph: Graph): Resolve {
  const owners = new Map<Tensor, Tensor>();
  const resolve: Resolve = (tensor) => {
    let owner = tensor;
    for (;;) {
      const next = owners.get(owner) ?? (owner.node.operation.isView ? owner.node.inputs[0] : undefined);
      if (!next) return owner;
      owner = next;
    }
  };
  const keys = new Keys(resolve);
  const known = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    if (node.isEffect) node.inputs.forEach((input) => keys.noteChange(resolve(input)));
    if (!mayRepeat(graph, node)) continue;
    const key = keys.of(node);
    const candidates = known.get(key) ?? [];
    const twin = candidates.find((earlier) => isReadyFor(earlier, node));
    if (twin) node.outputs.forEach((output, i) => owners.set(output, twin.outputs[i] as Tensor));
    else known.set(key, [...candidates, node]);
  }
  return resolve;
}

function mayRepeat(graph: Graph, node: Node): boolean {
  if (node.isEffect || node.isCopy || node.operation.isView || node.inputs.length === 0) return false;
  return node.outputs.every((output) => !graph.placed.has(output));
}

function isReadyFor(earlier: Node, later: Node): boolean {
  if (earlier.loop) return earlier.loop === later.loop;
  return earlier.phase === later.phase || always.has(earlier.phase);
}

/** Text that is equal for equal nodes. Objects that are not plain data (a buffer, the step's scalars) count by identity. */
class Keys {
  private readonly resolve: Resolve;
  private readonly identities = new Map<object, number>();
  private readonly changes = new Map<Tensor, number>();

  constructor(resolve: Resolve) {
    this.resolve = resolve;
  }

  /** An effect may have written this memory: what is computed from it before and after is not the same. */
  noteChange(root: Tensor): void {
    this.changes.set(root, (this.changes.get(root) ?? 0) + 1);
  }

  of(node: Node): string {
    const inputs = node.inputs.map((input) => {
      const root = this.resolve(input);
      return `${root.id}.${this.changes.get(root) ?? 0}:${input.shape.join('x')}`;
    });
    const shapes = node.outputs.map((output) => `${output.type}${output.shape.join('x')}`);
    const attributes = JSON.stringify(node.attributes, (_, value: unknown) => this.plain(value));
    return [this.identity(node.operation), ...inputs, '->', ...shapes, attributes].join(' ');
  }

  private plain(value: unknown): unknown {
    if (typeof value === 'function') return this.identity(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    if ('graph' in value && value.graph instanceof Graph) return `tensor ${this.resolve(value as Tensor).id}`;
    return Object.getPrototypeOf(value) === Object.prototype ? value : `object ${this.identity(value)}`;
  }

  private identity(value: object): number {
    const known = this.identities.get(value) ?? this.identities.size;
    this.identities.set(value, known);
    return known;
  }
}
