/**
 * Turns a tensor program into a recorded list of launches: drops what nothing depends on, lowers each operation to
 * kernels, plans memory by liveness, compiles all kernels at once and prebuilds every bind group. Replaying the result
 * allocates nothing and creates no GPU object.
 */
import type { Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch, type RecordedDispatch } from '../../gpu-kernels/dispatch.ts';
import { createStorageBuffer, regionAlignment, Region } from '../../gpu-kernels/region.ts';
import {
  rootOf,
  size,
  type Access,
  type Graph,
  type Loop,
  type Lowering,
  type Node,
  type Tensor,
  type Unit,
} from './graph.ts';
import { planMemory, type Lifetime, type MemoryPlan } from './memory-plan.ts';

/** A run of launches that belong together: one phase, replayed `count` times in a row. */
interface Section {
  phase: Phase;
  loop: Loop | null;
  dispatches: RecordedDispatch[];
}

export interface ProgramStatistics {
  dispatches: number;
  flops: number;
  arenaBytes: number;
  largestLiveSet: number;
  kernels: { label: string; phase: Phase; flops: number }[];
}

export class Program {
  readonly statistics: ProgramStatistics;
  private readonly sections: readonly Section[];

  constructor(sections: readonly Section[], statistics: ProgramStatistics) {
    this.sections = sections;
    this.statistics = statistics;
  }

  /** Encodes the launches of the given phases, in program order. */
  encode(pass: GPUComputePassEncoder, phases: ReadonlySet<Phase>): void {
    for (const section of this.sections) {
      if (phases.has(section.phase)) encodeSection(pass, section);
    }
  }

  /**
   * The launches of the given phases one by one, in program order and with loops written out, each with its
   * floating-point operations: what a step is cut from.
   */
  launches(phases: ReadonlySet<Phase>): { phase: Phase; dispatch: RecordedDispatch; flops: number }[] {
    let kernel = 0;
    return this.sections.flatMap(({ phase, loop, dispatches }) => {
      const rounds = loop?.count ?? 1;
      const round = dispatches.map((dispatch) => {
        const flops = (this.statistics.kernels[kernel++]?.flops ?? 0) / rounds;
        return { phase, dispatch, flops };
      });
      return phases.has(phase) ? Array.from({ length: rounds }, () => round).flat() : [];
    });
  }

  /** The same launches as runs of one phase each, for timing them. */
  parts(phases: ReadonlySet<Phase>): { phase: Phase; encode(pass: GPUComputePassEncoder): void }[] {
    const parts: { phase: Phase; sections: Section[] }[] = [];
    for (const section of this.sections) {
      if (!phases.has(section.phase)) continue;
      const last = parts.at(-1);
      if (last?.phase === section.phase) last.sections.push(section);
      else parts.push({ phase: section.phase, sections: [section] });
    }
    return parts.map(({ phase, sections }) => ({
      phase,
      encode: (pass) => sections.forEach((section) => encodeSection(pass, section)),
    }));
  }
}

function encodeSection(pass: GPUComputePassEncoder, section: Section): void {
  const times = section.loop?.count ?? 1;
  for (let i = 0; i < times; i++) replay(pass, section.dispatches);
}

interface LoweredNode {
  node: Node;
  dispatches: Dispatch[];
}

export async function compile(gpu: GpuContext, graph: Graph, label: string): Promise<Program> {
  const nodes = liveNodes(graph);
  const memory = new Memory(gpu, graph);
  const lowered = nodes.map((node, position): LoweredNode => {
    memory.enter(node, position);
    return { node, dispatches: node.operation.lower(node, memory) };
  });
  const plan = memory.place(nodes, label);
  const flat = lowered.flatMap(({ node, dispatches }) => dispatches.map((dispatch) => ({ node, dispatch })));
  const recorded = await record(
    gpu,
    flat.map(({ dispatch }) => dispatch),
  );
  const sections = sectionsOf(
    flat.map(({ node }, i) => ({ node, recorded: recorded[i] as RecordedDispatch })),
  );
  const kernels = flat.map(({ node, dispatch }) => ({
    label: dispatch.label,
    phase: node.phase,
    flops: dispatch.flops * (node.loop?.count ?? 1),
  }));
  return new Program(sections, {
    dispatches: kernels.length,
    flops: kernels.reduce((sum, kernel) => sum + kernel.flops, 0),
    arenaBytes: plan.bytes,
    largestLiveSet: plan.largestLiveSet,
    kernels,
  });
}

/** Nodes that an effect or a pinned tensor depends on, in program order. */
function liveNodes(graph: Graph): Node[] {
  const pinned = new Set([...graph.placed.keys()].map((tensor) => tensor.node));
  const live = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    const isResult = node.isEffect || (pinned.has(node) && node.operation.name !== 'leaf');
    if (!isResult && !live.has(node)) continue;
    live.add(node);
    for (const input of node.inputs) live.add(input.node);
  }
  return graph.nodes.filter((node) => live.has(node));
}

/** Hands out regions while nodes are lowered, and remembers when each is in use. */
class Memory implements Lowering {
  readonly gpu: GpuContext;
  private readonly graph: Graph;
  private readonly regions = new Map<Tensor, Region>();
  private readonly lifetimes = new Map<Region, Lifetime>();
  private position = 0;

  constructor(gpu: GpuContext, graph: Graph) {
    this.gpu = gpu;
    this.graph = graph;
  }

  enter(node: Node, position: number): void {
    this.position = position;
    if (node.operation.isView) return;
    for (const tensor of [...node.inputs, ...node.outputs]) this.touch(this.region(tensor));
  }

  region(tensor: Tensor): Region {
    const root = rootOf(tensor);
    const placed = this.graph.placed.get(root);
    if (placed) return placed;
    let region = this.regions.get(root);
    if (!region) {
      region = new Region(root.label, size(root.shape) * 4);
      this.regions.set(root, region);
    }
    return region;
  }

  scratch(label: string, words: number): Region {
    const region = new Region(label, words * 4);
    this.touch(region);
    return region;
  }

  reader(name: string, tensor: Tensor, unit: Unit): Access {
    const type = elementType(tensor, unit);
    return {
      code: `fn ${name}_at(i: u32) -> ${type} { return ${name}[i]; }`,
      bindings: [{ name, type: `array<${type}>`, region: this.region(tensor), write: false }],
    };
  }

  writer(name: string, tensor: Tensor, unit: Unit): Access {
    const type = elementType(tensor, unit);
    return {
      code: `fn ${name}_set(i: u32, value: ${type}) { ${name}[i] = value; }`,
      bindings: [{ name, type: `array<${type}>`, region: this.region(tensor), write: true }],
    };
  }

  private touch(region: Region): void {
    const lifetime = this.lifetimes.get(region);
    if (lifetime) lifetime.last = this.position;
    else this.lifetimes.set(region, { region, first: this.position, last: this.position });
  }

  place(nodes: readonly Node[], label: string): MemoryPlan {
    const own = [...this.lifetimes.values()].filter((lifetime) => !lifetime.region.isPlaced);
    keepAliveThroughLoops(own, nodes);
    const plan = planMemory(own);
    const arena = createStorageBuffer(
      this.gpu,
      `${label}: activations`,
      Math.max(plan.bytes, regionAlignment),
    );
    for (const [region, offset] of plan.offsets) region.locate(arena, offset);
    return plan;
  }
}

function elementType(tensor: Tensor, unit: Unit): string {
  const scalar = tensor.type;
  return unit === 1 ? scalar : scalar === 'f32' ? 'vec4f' : 'vec4u';
}

/** What a loop reads from outside must survive until its last round, not only until its last use in the first. */
function keepAliveThroughLoops(lifetimes: readonly Lifetime[], nodes: readonly Node[]): void {
  const ends = new Map<Loop, { first: number; last: number }>();
  nodes.forEach((node, position) => {
    if (!node.loop) return;
    const range = ends.get(node.loop);
    if (range) range.last = position;
    else ends.set(node.loop, { first: position, last: position });
  });
  for (const { first, last } of ends.values()) {
    for (const lifetime of lifetimes) {
      if (lifetime.first < first && lifetime.last >= first) lifetime.last = Math.max(lifetime.last, last);
    }
  }
}

function sectionsOf(list: readonly { node: Node; recorded: RecordedDispatch }[]): Section[] {
  const sections: Section[] = [];
  for (const { node, recorded } of list) {
    const current = sections.at(-1);
    if (current?.phase === node.phase && current.loop === node.loop) current.dispatches.push(recorded);
    else sections.push({ phase: node.phase, loop: node.loop, dispatches: [recorded] });
  }
  return sections;
}
