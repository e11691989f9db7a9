/**
 * A tensor program: the list of operations of one training step, written down once by model code over symbolic
 * tensors. Nothing is computed here; `backward.ts` extends the list by gradients, `compile.ts` turns it into launches.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Access, Dispatch } from '../../gpu-kernels/dispatch.ts';
import type { Region } from '../../gpu-kernels/region.ts';

export type ElementType = 'f32' | 'u32';

/** A symbolic value: row-major, contiguous, its size known. */
export interface Tensor {
  readonly id: number;
  readonly graph: Graph;
  readonly node: Node;
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly label: string;
}

/** What an operation may ask for while it is lowered to launches. */
export interface Lowering {
  readonly gpu: GpuContext;
  /** Memory of an input or output tensor. */
  region(tensor: Tensor): Region;
  /** Memory that lives only during this node. */
  scratch(label: string, words: number): Region;
  /**
   * How a kernel reads an input: a WGSL function `NAME_at(i: u32)` that answers number i (`unit` 1: f32) or the four
   * numbers from 4 i on (`unit` 4: vec4f) of the tensor as laid out in memory. Elementwise operations that only feed
   * this read may have moved into it, so the tensor itself need not exist.
   */
  reader(name: string, tensor: Tensor, unit: Unit): Access;
  /**
   * How a kernel writes an output: a WGSL function `NAME_set(i: u32, value: f32 | vec4f)`, to be called once for every
   * i. Elementwise operations on the output may have moved into it.
   */
  writer(name: string, tensor: Tensor, unit: Unit): Access;
  /** A WGSL function `NAME_at(i: u32)` that computes number i, or four numbers, of an elementwise node. */
  value(name: string, node: Node, unit: Unit): Access;
}

/** Numbers per access: 1 is f32, 4 is vec4f (the tensor's last axis is then a multiple of 4). */
export type Unit = 1 | 4;

/**
 * One kind of operation. Its file holds the function that model code calls (with the shape rule), the gradient rule
 * and the lowering; registering it anywhere else is not needed.
 */
export interface Operation<A> {
  readonly name: string;
  /** The output is the input's memory under another shape; nothing is launched. */
  readonly isView?: boolean;
  /**
   * For operations that work element by element: number i of the only output as a WGSL expression over the numbers
   * `a`, `b`, ... of the inputs (broadcast), of type `T` (f32 or vec4f). The compiler puts it into other kernels, or makes
   * one of such operations alone.
   */
  pointwise?(node: Node<A>): string;
  /** WGSL functions over `T` that the expression may call; those it does call come with it. */
  pointwiseFunctions?(node: Node<A>): string;
  /** Inputs that the kernels read by `lowering.reader`, each number only a few times: elementwise work may move there. */
  readonly fusedReads?: readonly number[];
  /**
   * Outputs that the kernels write by `lowering.writer`, each number exactly once: elementwise work may move there. One
   * kernel uses one unit for all its readers and writers of one last axis.
   */
  readonly fusedWrites?: readonly number[];
  /**
   * For operations whose first output is cheap to make again (`recomputation.ts`): the inputs that the gradient rule reads,
   * which are therefore kept in any case.
   */
  cheap?(node: Node<A>): readonly number[];
  /** The gradient rule reads the first output, which is therefore kept in any case. */
  readonly keepsOutput?: boolean;
  /**
   * Gradients with respect to the inputs, given those of the outputs (null: no gradient arrives there). `needed[i]`
   * says whether input i's gradient is wanted; a rule may return null otherwise.
   */
  gradient?(
    node: Node<A>,
    outputGradients: readonly (Tensor | null)[],
    needed: readonly boolean[],
  ): (Tensor | null)[];
  lower(node: Node<A>, lowering: Lowering): Dispatch[];
}

export interface Node<A = unknown> {
  readonly index: number;
  readonly operation: Operation<A>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  readonly phase: Phase;
  /** Nodes of one loop are replayed together, so many times. */
  readonly loop: Loop | null;
  /** Writes memory outside the graph: never removed as dead code. */
  readonly isEffect: boolean;
  /** Makes on purpose what an earlier node made, which is not kept. */
  readonly isCopy: boolean;
}

export interface Loop {
  readonly count: number;
}

export interface OutputSpec {
  shape: readonly number[];
  type?: ElementType;
  label?: string;
}

interface AddOptions<A> {
  attributes: A;
  outputs: OutputSpec[];
  isEffect?: boolean;
  isCopy?: boolean;
}

/** Answers copies of tensors of the forward pass that are made where they are read. */
export interface Recomputation {
  of(tensor: Tensor): Tensor;
}

const leafOperation: Operation<null> = { name: 'leaf', lower: () => [] };

export class Graph {
  readonly nodes: Node[] = [];
  /** Tensors whose memory is given from outside: leaves, and results pinned to a place. */
  readonly placed = new Map<Tensor, Region>();
  /** Set where results of the forward pass are made again instead of kept. */
  recomputation: Recomputation | null = null;
  private phase: Phase = 'forward';
  private loop: Loop | null = null;
  private tensorCount = 0;

  get isInLoop(): boolean {
    return this.loop !== null;
  }

  /** What the backward pass, and all that is added after it, reads in place of a tensor of the forward pass. */
  late(tensor: Tensor): Tensor {
    return this.recomputation?.of(tensor) ?? tensor;
  }

  /** A tensor whose memory exists already: a parameter, the batch, a constant. */
  leaf(label: string, shape: readonly number[], region: Region, type: ElementType = 'f32'): Tensor {
    const [tensor] = this.add(leafOperation, [], { attributes: null, outputs: [{ shape, type, label }] });
    const leaf = tensor as Tensor;
    requireRoom(leaf, region);
    this.placed.set(leaf, region);
    return leaf;
  }

  add<A>(operation: Operation<A>, inputs: readonly Tensor[], options: AddOptions<A>): Tensor[] {
    const outputs: Tensor[] = [];
    const node: Node<A> = {
      index: this.nodes.length,
      operation,
      inputs,
      outputs,
      attributes: options.attributes,
      phase: this.phase,
      loop: this.loop,
      isEffect: options.isEffect ?? false,
      isCopy: options.isCopy ?? false,
    };
    for (const spec of options.outputs) {
      outputs.push({
        id: this.tensorCount++,
        graph: this,
        node,
        shape: spec.shape,
        type: spec.type ?? 'f32',
        label: spec.label ?? operation.name,
      });
    }
    this.nodes.push(node);
    return outputs;
  }

  /** Adds an operation with exactly one output. */
  add1<A>(operation: Operation<A>, inputs: readonly Tensor[], output: OutputSpec, attributes: A): Tensor {
    const [tensor] = this.add(operation, inputs, { attributes, outputs: [output] });
    return tensor as Tensor;
  }

  /** Launches that write memory outside the graph, after everything they read. */
  effect(name: string, inputs: readonly Tensor[], lower: (lowering: Lowering) => Dispatch[]): void {
    const operation: Operation<null> = { name, lower: (_, lowering) => lower(lowering) };
    this.add(operation, inputs, { attributes: null, outputs: [], isEffect: true });
  }

  /** Has the tensor computed straight into a region, for example a gradient into the gradient arena. */
  pin(tensor: Tensor, region: Region): void {
    const root = rootOf(tensor);
    if (this.placed.has(root)) {
      throw new KronlabError('internal', `${tensor.label} cannot be pinned: its memory is given already`);
    }
    requireRoom(root, region);
    this.placed.set(root, region);
  }

  /** Everything added inside belongs to a phase of the step. */
  inPhase<T>(phase: Phase, build: () => T): T {
    const outer = this.phase;
    if (this.loop && phase !== outer)
      throw new KronlabError('internal', 'a loop lies within one phase of the step');
    this.phase = phase;
    try {
      return build();
    } finally {
      this.phase = outer;
    }
  }

  /** Everything added inside is replayed `count` times in a row. */
  repeated<T>(count: number, build: () => T): T {
    if (this.loop) throw new KronlabError('internal', 'loops in a program do not nest');
    this.loop = { count };
    try {
      return build();
    } finally {
      this.loop = null;
    }
  }

  /** The same values under another shape, without a copy. */
  reshape(tensor: Tensor, shape: readonly number[]): Tensor {
    if (size(shape) !== size(tensor.shape)) {
      throw new KronlabError(
        'internal',
        `reshape: ${tensor.label} of shape [${tensor.shape.join(', ')}] cannot become [${shape.join(', ')}]`,
      );
    }
    return this.add1(reshapeOperation, [tensor], { shape, type: tensor.type, label: tensor.label }, null);
  }
}

function requireRoom(tensor: Tensor, region: Region): void {
  const bytes = size(tensor.shape) * 4;
  if (region.bytes >= bytes) return;
  throw new KronlabError('internal', `${tensor.label} needs ${bytes} bytes; its memory has ${region.bytes}`);
}

const reshapeOperation: Operation<null> = {
  name: 'reshape',
  isView: true,
  lower: () => [],
  gradient: (node, [g]) => {
    const input = node.inputs[0] as Tensor;
    return [g ? input.graph.reshape(g, input.shape) : null];
  },
};

/** The tensor that owns the memory of a view. */
export function rootOf(tensor: Tensor): Tensor {
  let root = tensor;
  while (root.node.operation.isView) root = root.node.inputs[0] as Tensor;
  return root;
}

/** The output of a node that has one. */
export function outputOf(node: Node): Tensor {
  return node.outputs[0] as Tensor;
}

/** Number of elements of a shape. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Size of the last axis; 1 for a scalar. */
export function lastAxis(tensor: Tensor): number {
  return tensor.shape.at(-1) ?? 1;
}
