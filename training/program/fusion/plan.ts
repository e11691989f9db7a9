/**
 * Decides which elementwise operations get no kernel of their own. They move either into the write of the kernel that
 * makes their operand (a bias, an activation, a residual sum), or into the reads of the kernels that use their result
 * (a gradient that is only broadcast). What has moved needs no memory unless somebody else reads it, and no launch.
 */
import type { Resolve } from '../common-subexpressions.ts';
import { outputOf, size, type Graph, type Node, type Tensor } from '../graph.ts';

/** What is lowered together: one operation and the elementwise work on its outputs. */
export interface Group {
  readonly anchor: Node;
  /** By the output they start from, in program order. Every one has as many elements as that output. */
  readonly epilogues: Map<Tensor, Node[]>;
  /** Position of the anchor in the program: everything in the group is computed then. */
  readonly position: number;
}

export interface FusionPlan {
  /** In program order. */
  readonly groups: readonly Group[];
  /** Tensors that are computed wherever they are read, by these elementwise nodes in order. */
  readonly inlined: ReadonlyMap<Tensor, readonly Node[]>;
  /** Whether a tensor must be in memory: somebody reads it there. */
  isStored(tensor: Tensor): boolean;
}

export interface FusionLimits {
  /** Storage buffers a kernel may bind on this adapter. */
  bindings: number;
}

/** Elementwise work read at several places is computed again at each; more nodes than this are worth a kernel. */
const mostInlinedTwice = 2;

/** Every operation on its own, as written. */
export function planWithoutFusion(nodes: readonly Node[]): FusionPlan {
  return { groups: nodes.map(groupOf), inlined: new Map(), isStored: () => true };
}

/** `nodes` are the live nodes in program order. */
export function planFusion(
  graph: Graph,
  nodes: readonly Node[],
  resolve: Resolve,
  limits: FusionLimits,
): FusionPlan {
  return new Planner(graph, nodes, resolve, limits).plan();
}

function groupOf(anchor: Node, position: number): Group {
  return { anchor, epilogues: new Map(), position };
}

class Planner {
  private readonly graph: Graph;
  private readonly nodes: readonly Node[];
  private readonly resolve: Resolve;
  private readonly limits: FusionLimits;
  private readonly groups: Group[] = [];
  private readonly groupOfNode = new Map<Node, Group>();
  private readonly readers = new Map<Tensor, Node[]>();
  private readonly inlined = new Map<Tensor, Node[]>();
  /** Where effects may write a tensor's memory. */
  private readonly changes = new Map<Tensor, number[]>();

  constructor(graph: Graph, nodes: readonly Node[], resolve: Resolve, limits: FusionLimits) {
    this.graph = graph;
    this.nodes = nodes;
    this.resolve = resolve;
    this.limits = limits;
  }

  plan(): FusionPlan {
    this.nodes.forEach((node, position) => this.noteReads(node, position));
    this.nodes.forEach((node, position) => {
      if (node.operation.isView) return;
      const group = this.intoWrite(node, position) ?? this.ownGroup(node, position);
      this.groupOfNode.set(node, group);
    });
    for (const group of this.groups) this.intoReads(group);
    return {
      groups: this.groups.filter((group) => !this.isInlined(group)),
      inlined: this.inlined,
      isStored: (tensor) => this.isStored(this.resolve(tensor)),
    };
  }

  private noteReads(node: Node, position: number): void {
    if (node.operation.isView) return;
    for (const root of new Set(node.inputs.map(this.resolve))) {
      this.readers.set(root, [...(this.readers.get(root) ?? []), node]);
      if (node.isEffect) this.changes.set(root, [...(this.changes.get(root) ?? []), position]);
    }
  }

  /** Whether reading the nodes' operands at one position gives what it gives at another. */
  private isSame(nodes: readonly Node[], from: number, to: number): boolean {
    const isBetween = (position: number): boolean => position >= from && position <= to;
    const operands = nodes.flatMap((node) => node.inputs).map(this.resolve);
    return !operands.some((operand) => this.changes.get(operand)?.some(isBetween));
  }

  private ownGroup(node: Node, position: number): Group {
    const group = groupOf(node, position);
    this.groups.push(group);
    return group;
  }

  /** The group whose write takes an elementwise node in, or null. The latest: its other operands must be there. */
  private intoWrite(node: Node, position: number): Group | null {
    if (!node.operation.pointwise) return null;
    let best: { group: Group; output: Tensor } | null = null;
    for (const input of node.inputs) {
      const place = this.placeAfter(node, this.resolve(input));
      if (place && (!best || place.group.position > best.group.position)) best = place;
    }
    if (!best || !this.isReady(node, best.group, best.output)) return null;
    if (!this.isSame([node], best.group.position, position)) return null;
    const epilogue = [...(best.group.epilogues.get(best.output) ?? []), node];
    if (!this.fits(best.group, epilogue)) return null;
    best.group.epilogues.set(best.output, epilogue);
    return best.group;
  }

  /** Where work on `operand`, element by element, could be done as it is written. */
  private placeAfter(node: Node, operand: Tensor): { group: Group; output: Tensor } | null {
    const group = this.groupOfNode.get(operand.node);
    if (!group || size(operand.shape) !== size(outputOf(node).shape)) return null;
    if (group.anchor.phase !== node.phase || group.anchor.loop !== node.loop) return null;
    const output = this.writtenFrom(group, operand);
    return output ? { group, output } : null;
  }

  /** The output of the group's kernel from which a tensor of the group is computed as it is written. */
  private writtenFrom(group: Group, tensor: Tensor): Tensor | null {
    if (tensor.node === group.anchor) {
      return isFusedWrite(group.anchor, tensor) ? tensor : null;
    }
    for (const [output, epilogue] of group.epilogues) {
      if (epilogue.includes(tensor.node)) return output;
    }
    return null;
  }

  /** Whether all operands are in memory, or at hand, when the group runs. */
  private isReady(node: Node, group: Group, output: Tensor): boolean {
    return node.inputs.every((input) => {
      const operand = this.resolve(input);
      const maker = this.groupOfNode.get(operand.node);
      if (!maker || isLeaf(operand) || maker.position < group.position) return true;
      const isAtHand = maker === group && this.writtenFrom(group, operand) === output;
      return isAtHand && size(operand.shape) === size(outputOf(node).shape);
    });
  }

  private fits(group: Group, epilogue: readonly Node[]): boolean {
    const inside = [...new Set([...[...group.epilogues.values()].flat(), ...epilogue])];
    if (inside.some((node) => node.inputs.some((input) => !this.canShare(group.anchor, node, input)))) {
      return false;
    }
    return this.bindsFew([group.anchor, ...inside]) && !readsOneTensorTwoWays(inside, this.resolve);
  }

  /**
   * Whether elementwise work in a kernel's write may read a tensor that the kernel itself may read. Where the kernel does
   * so in its own way, a second way would bind the same memory twice; through the compiler's functions both read it alike,
   * as long as it has the shape of what is written.
   */
  private canShare(anchor: Node, node: Node, input: Tensor): boolean {
    if (anchor.operation.pointwise) return true;
    const root = this.resolve(input);
    const places = anchor.inputs.flatMap((own, i) => (this.resolve(own) === root ? [i] : []));
    const fused = anchor.operation.fusedReads ?? [];
    const last = (tensor: Tensor): number => tensor.shape.at(-1) ?? 1;
    const isAlike =
      size(input.shape) === size(outputOf(node).shape) &&
      [input, root, outputOf(node), ...anchor.outputs.filter((output) => isFusedWrite(anchor, output))].every(
        (tensor) => last(tensor) === last(input),
      );
    return places.length === 0 || (isAlike && places.every((place) => fused.includes(place)));
  }

  private bindsFew(nodes: readonly Node[]): boolean {
    const bound = new Set<Tensor>();
    for (const node of nodes) {
      for (const output of node.outputs) if (!this.inlined.has(output)) bound.add(output);
      for (const input of node.inputs) this.bind(this.resolve(input), bound);
    }
    return bound.size <= this.limits.bindings;
  }

  /** Adds what a kernel binds to read a tensor: itself, or what it is computed from on the way. */
  private bind(root: Tensor, bound: Set<Tensor>): void {
    const nodes = this.inlined.get(root);
    if (!nodes) bound.add(root);
    const inside = new Set(nodes?.map(outputOf));
    for (const input of nodes?.flatMap((node) => node.inputs) ?? []) {
      const operand = this.resolve(input);
      if (!inside.has(operand)) this.bind(operand, bound);
    }
  }

  private isStored(root: Tensor): boolean {
    if (this.graph.placed.has(root)) return true;
    const group = this.groupOfNode.get(root.node);
    if (!group || this.inlined.has(root)) return false;
    const output = this.writtenFrom(group, root);
    // What a kernel writes in its own way is always written.
    if (!output) return true;
    const epilogue = group.epilogues.get(output) ?? [];
    const readers = this.readers.get(root) ?? [];
    return readers.length === 0 || readers.some((reader) => !epilogue.includes(reader));
  }

  /** Moves a group that is elementwise throughout into the kernels that read its only stored result. */
  private intoReads(group: Group): void {
    if (!group.anchor.operation.pointwise) return;
    const nodes = [group.anchor, ...[...group.epilogues.values()].flat()];
    const stored = nodes.map(outputOf).filter((tensor) => this.isStored(tensor));
    const [result] = stored;
    if (!result || stored.length > 1 || this.graph.placed.has(result)) return;
    const readers = (this.readers.get(result) ?? []).filter((reader) => !nodes.includes(reader));
    if (readers.length > 1 && nodes.length > mostInlinedTwice) return;
    const canInline = readers.every((reader) => this.canReadThrough(reader, result, nodes));
    if (readers.length > 0 && canInline) this.inlined.set(result, nodes);
  }

  private canReadThrough(reader: Node, tensor: Tensor, nodes: readonly Node[]): boolean {
    const group = this.groupOfNode.get(reader);
    const [first] = nodes;
    if (!group || !first) return false;
    if (group.anchor.phase !== first.phase || group.anchor.loop !== first.loop) return false;
    const fused = reader.operation.fusedReads ?? [];
    const isRead = (input: Tensor, i: number): boolean => {
      if (this.resolve(input) !== tensor) return true;
      // A small result that is repeated would be computed once for each repetition.
      return reader.operation.pointwise
        ? size(tensor.shape) >= size(outputOf(reader).shape)
        : fused.includes(i);
    };
    if (!reader.inputs.every(isRead)) return false;
    const made = this.groupOfNode.get(first)?.position ?? 0;
    if (!this.isSame(nodes, made, group.position)) return false;
    const own = [group.anchor, ...[...group.epilogues.values()].flat()];
    const known = new Set(own.flatMap((node) => [...node.inputs, ...node.outputs]).map(this.resolve));
    const reads = nodes.flatMap((node) => node.inputs).map(this.resolve);
    if (reads.some((operand) => known.has(operand))) return false;
    return this.bindsFew([...own, ...nodes]) && !readsOneTensorTwoWays(nodes, this.resolve);
  }

  private isInlined(group: Group): boolean {
    const nodes = [group.anchor, ...[...group.epilogues.values()].flat()];
    return nodes.some((node) => node.operation.pointwise && this.inlined.has(outputOf(node)));
  }
}

/** Its memory is there from the start. */
const isLeaf = (tensor: Tensor): boolean => tensor.node.operation.name === 'leaf';

function isFusedWrite(node: Node, output: Tensor): boolean {
  if (node.operation.pointwise) return true;
  return (node.operation.fusedWrites ?? []).includes(node.outputs.indexOf(output));
}

/** One memory under two shapes whose last axes differ would be bound as numbers and as quads at once. */
function readsOneTensorTwoWays(nodes: readonly Node[], resolve: Resolve): boolean {
  const lastAxes = new Map<Tensor, number>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const root = resolve(input);
      const last = input.shape.at(-1) ?? 1;
      if ((lastAxes.get(root) ?? last) !== last) return true;
      lastAxes.set(root, last);
    }
  }
  return false;
}
