/**
 * What operations see while they are lowered: memory for their tensors, handed out before it has a place, and the
 * functions by which kernels read and write it. When everything is lowered, the memory plan gives each region its place.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Access, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { createStorageBuffer, regionAlignment, Region } from '../../gpu-kernels/region.ts';
import type { Resolve } from './common-subexpressions.ts';
import { readAccess, valueAccess, writeAccess, type FusedAccess } from './fusion/access.ts';
import type { FusionPlan, Group } from './fusion/plan.ts';
import { size, type Graph, type Loop, type Lowering, type Node, type Tensor, type Unit } from './graph.ts';
import { planMemory, type Lifetime, type MemoryPlan } from './memory-plan.ts';

export class ProgramMemory implements Lowering {
  readonly gpu: GpuContext;
  readonly resolve: Resolve;
  readonly inlined: FusionPlan['inlined'];
  private readonly graph: Graph;
  private readonly fusion: FusionPlan;
  private readonly regions = new Map<Tensor, Region>();
  private readonly lifetimes = new Map<Region, Lifetime>();
  private readonly scratchOf = new Map<Group, Region[]>();
  private readonly accessesOf = new Map<Group, FusedAccess[]>();
  private group: Group | null = null;

  constructor(gpu: GpuContext, graph: Graph, resolve: Resolve, fusion: FusionPlan) {
    this.gpu = gpu;
    this.graph = graph;
    this.resolve = resolve;
    this.fusion = fusion;
    this.inlined = fusion.inlined;
  }

  /** Everything asked for from now on is in use at this group's position; scratch of an earlier visit is forgotten. */
  enter(group: Group): void {
    this.group = group;
    for (const region of this.scratchOf.get(group) ?? []) this.lifetimes.delete(region);
    this.scratchOf.set(group, []);
    this.accessesOf.set(group, []);
  }

  /** Operations that a launch of a group computes anew as it reads: those whose text is in its own. */
  inlinedIn(group: Group, { code }: Dispatch): Node[] {
    const accesses = (this.accessesOf.get(group) ?? []).filter((access) => code.includes(access.code));
    return [...new Set(accesses.flatMap(({ inlined }) => inlined))];
  }

  isStored(tensor: Tensor): boolean {
    return this.fusion.isStored(tensor);
  }

  region(tensor: Tensor): Region {
    const root = this.resolve(tensor);
    const placed = this.graph.placed.get(root);
    if (placed) return placed;
    if (!this.isStored(root)) {
      throw new KronlabError(
        'internal',
        `${root.label} was moved into other kernels; it has no memory to bind`,
      );
    }
    const region = this.regions.get(root) ?? new Region(root.label, size(root.shape) * 4);
    this.regions.set(root, region);
    this.touch(region);
    return region;
  }

  scratch(label: string, words: number): Region {
    const region = new Region(label, words * 4);
    if (this.group) this.scratchOf.get(this.group)?.push(region);
    this.touch(region);
    return region;
  }

  reader(name: string, tensor: Tensor, unit: Unit): Access {
    return this.note(readAccess(this, name, tensor, unit));
  }

  value(name: string, node: Node, unit: Unit): Access {
    return this.note(valueAccess(this, name, node, unit));
  }

  writer(name: string, tensor: Tensor, unit: Unit): Access {
    const epilogue = this.group?.epilogues.get(this.resolve(tensor)) ?? [];
    return this.note(writeAccess(this, name, tensor, unit, epilogue));
  }

  private note(access: FusedAccess): Access {
    if (this.group && access.inlined.length > 0) this.accessesOf.get(this.group)?.push(access);
    return access;
  }

  private touch(region: Region): void {
    const position = this.group?.position ?? 0;
    const lifetime = this.lifetimes.get(region);
    // Groups may be lowered a second time, after others that come later.
    if (lifetime) lifetime.last = Math.max(lifetime.last, position);
    else this.lifetimes.set(region, { region, first: position, last: position });
  }

  place(label: string): MemoryPlan {
    const own = [...this.lifetimes.values()];
    keepAliveThroughLoops(own, this.fusion.groups);
    const plan = planMemory(own);
    const arena = createStorageBuffer(
      this.gpu,
      `${label}: activations`,
      Math.max(plan.bytes, regionAlignment),
      this.describeLargest(),
    );
    for (const [region, offset] of plan.offsets) region.locate(arena, offset);
    return plan;
  }

  /** The largest intermediate tensor, its shape and the operation that makes it. */
  private describeLargest(): string | undefined {
    const makers = new Map<Region, string>();
    for (const [{ shape, node, label }, region] of this.regions) {
      const name = nameOf(node);
      const tensor = label === name ? name : `${label} of ${name}`;
      makers.set(region, `${tensor} [${shape.join(', ')}]`);
    }
    for (const [{ anchor }, regions] of this.scratchOf) {
      for (const region of regions) makers.set(region, `${region.label} of ${nameOf(anchor)}`);
    }
    const [largest] = [...makers].sort(([a], [b]) => b.bytes - a.bytes);
    return largest && `${largest[1]}, ${Math.ceil(largest[0].bytes / 2 ** 20)} MiB`;
  }
}

/** Elementwise functions are told by what they make. */
function nameOf({ operation, outputs: [output] }: Node): string {
  return operation.pointwise && output ? output.label : operation.name;
}

/** What a loop reads from outside must survive until its last round, not only until its last use in the first. */
function keepAliveThroughLoops(lifetimes: readonly Lifetime[], groups: readonly Group[]): void {
  const ends = new Map<Loop, { first: number; last: number }>();
  for (const { anchor, position } of groups) {
    if (!anchor.loop) continue;
    const range = ends.get(anchor.loop);
    if (range) range.last = position;
    else ends.set(anchor.loop, { first: position, last: position });
  }
  for (const { first, last } of ends.values()) {
    for (const lifetime of lifetimes) {
      if (lifetime.first < first && lifetime.last >= first) lifetime.last = Math.max(lifetime.last, last);
    }
  }
}
