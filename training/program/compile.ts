/**
 * Turns a tensor program into a recorded list of launches: drops what nothing depends on or what is computed already,
 * moves elementwise work into other kernels, lowers operations, plans memory by liveness, compiles all kernels at once
 * and prebuilds every bind group. Replaying the result allocates nothing and creates no GPU object.
 */
import type { Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch, type RecordedDispatch } from '../../gpu-kernels/dispatch.ts';
import type { TuningProblem } from '../../gpu-kernels/tuning/kernel-choices.ts';
import { decide } from '../../gpu-kernels/tuning/measure.ts';
import { findRepeats, type Resolve } from './common-subexpressions.ts';
import { planFusion, planWithoutFusion, type Group } from './fusion/plan.ts';
import { rootOf, size, type Graph, type Loop, type Node } from './graph.ts';
import { ProgramMemory } from './program-memory.ts';

/** A run of launches that belong together: one phase, replayed `count` times in a row. */
interface Section {
  phase: Phase;
  loop: Loop | null;
  dispatches: RecordedDispatch[];
}

export interface KernelReport {
  label: string;
  phase: Phase;
  /** The operations this launch computes: those made anew as it reads, its own, those done as it writes. */
  operations: string[];
  workgroups: [number, number, number];
  /** How often a step replays it. */
  repeats: number;
  /** Floating-point operations of all repeats. */
  flops: number;
  /** Bytes of all memory it binds, once per repeat: a lower bound of its traffic. */
  bytes: number;
}

export interface ProgramStatistics {
  /** Launches as recorded; a loop's are counted once. */
  dispatches: number;
  flops: number;
  /** Bytes of the arena that intermediate tensors share. */
  arenaBytes: number;
  /** The most bytes of intermediate tensors alive at once: no plan can do with less. */
  largestLiveSet: number;
  kernels: KernelReport[];
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
}

function encodeSection(pass: GPUComputePassEncoder, section: Section): void {
  const times = section.loop?.count ?? 1;
  for (let i = 0; i < times; i++) replay(pass, section.dispatches);
}

interface LoweredGroup {
  group: Group;
  dispatches: Dispatch[];
  /** What was asked for the fastest kernels and is not known. */
  undecided: TuningProblem[];
}

export interface CompileOptions {
  /** False: every operation gets kernels of its own, for finding errors. */
  fuse?: boolean;
}

export async function compile(
  gpu: GpuContext,
  graph: Graph,
  label: string,
  options: CompileOptions = {},
): Promise<Program> {
  const resolve = options.fuse === false ? rootOf : findRepeats(graph);
  const nodes = liveNodes(graph, resolve);
  const limits = { bindings: gpu.device.limits.maxStorageBuffersPerShaderStage };
  const fusion =
    options.fuse === false ? planWithoutFusion(nodes) : planFusion(graph, nodes, resolve, limits);
  const memory = new ProgramMemory(gpu, graph, resolve, fusion);
  const lowered = await lowerGroups(gpu, fusion.groups, memory);
  const plan = memory.place(label);
  const flat = lowered.flatMap(({ group, dispatches }) =>
    dispatches.map((dispatch) => ({ group, dispatch })),
  );
  const recorded = await record(
    gpu,
    flat.map(({ dispatch }) => dispatch),
  );
  await gpu.faults.settled();
  const sections = sectionsOf(
    flat.map(({ group }, i) => ({
      node: group.anchor,
      recorded: recorded[i] as RecordedDispatch,
    })),
  );
  const kernels = flat.map(({ group, dispatch }, i) =>
    reportOf(group, memory.inlinedIn(group, dispatch), dispatch, flat[i + 1]?.group !== group),
  );
  return new Program(sections, {
    dispatches: kernels.length,
    flops: sum(kernels, (kernel) => kernel.flops),
    arenaBytes: plan.bytes,
    largestLiveSet: plan.largestLiveSet,
    kernels,
  });
}

/**
 * Lowers every group; those that meet kernels whose fastest variant is not known yet are lowered again when it was
 * measured.
 */
async function lowerGroups(
  gpu: GpuContext,
  groups: readonly Group[],
  memory: ProgramMemory,
): Promise<LoweredGroup[]> {
  const lower = (group: Group): LoweredGroup => {
    memory.enter(group);
    const { anchor } = group;
    const { result, problems } = gpu.choices.undecided(() => anchor.operation.lower(anchor, memory));
    return { group, dispatches: result, undecided: problems };
  };
  const lowered = groups.map(lower);
  const isMeasured = await decide(
    gpu,
    lowered.flatMap(({ undecided }) => undecided),
  );
  return isMeasured ? lowered.map((one) => (one.undecided.length > 0 ? lower(one.group) : one)) : lowered;
}

function reportOf(group: Group, inlined: readonly Node[], dispatch: Dispatch, isLast: boolean): KernelReport {
  const { anchor, epilogues } = group;
  const repeats = anchor.loop?.count ?? 1;
  const regions = new Set(dispatch.bindings.map((binding) => binding.region));
  const fused = [...epilogues.values()].flat();
  // The elementwise work is done as the result is written, by the last launch.
  const extra = [...inlined, ...(isLast ? fused : [])];
  return {
    label: dispatch.label,
    phase: anchor.phase,
    operations: [...inlined, anchor, ...fused].map((node) => node.outputs[0]?.label ?? node.operation.name),
    workgroups: dispatch.workgroups,
    repeats,
    flops: (dispatch.flops + sum(extra, (node) => size(node.outputs[0]?.shape ?? []))) * repeats,
    bytes: sum([...regions], (region) => region.bytes) * repeats,
  };
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

/** Nodes that an effect or a pinned tensor depends on, in program order. */
function liveNodes(graph: Graph, resolve: Resolve): Node[] {
  const pinned = new Set([...graph.placed.keys()].map((tensor) => tensor.node));
  const live = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    const isResult = node.isEffect || (pinned.has(node) && node.operation.name !== 'leaf');
    if (!isResult && !live.has(node)) continue;
    live.add(node);
    for (const input of node.inputs) live.add(resolve(input).node);
  }
  return graph.nodes.filter((node) => live.has(node));
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
