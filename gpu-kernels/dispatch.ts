/**
 * A kernel launch as data: WGSL body, what it binds, its parameters and its grid. Kernels are described this way while
 * a program is lowered; `record` turns the list into pipelines and bind groups once; replaying it allocates nothing.
 */
import { KronlabError } from '../contract/errors.ts';
import type { GpuContext } from './device.ts';
import type { BindingKind, CompiledKernel } from './pipelines.ts';
import { createBuffer, regionAlignment, type Region } from './region.ts';

export interface Binding {
  /** Name of the variable in the kernel. */
  name: string;
  type: 'array<f32>' | 'array<vec4f>' | 'array<u32>' | 'array<atomic<u32>>' | (string & {});
  region: Region;
  write: boolean;
}

/** How a kernel reads or writes one tensor: WGSL functions to put into it, and what they bind. */
export interface Access {
  code: string;
  bindings: Binding[];
}

/** How a kernel writes straight into memory: by `NAME_set(i, value)`. */
export function regionWriter(name: string, region: Region, type: 'f32' | 'vec4f'): Access {
  return {
    code: `fn ${name}_set(i: u32, value: ${type}) { ${name}[i] = value; }`,
    bindings: [{ name, type: `array<${type}>`, region, write: true }],
  };
}

export interface Dispatch {
  label: string;
  /** WGSL without its bindings: those are generated, because their access mode depends on what else is bound. */
  code: string;
  bindings: Binding[];
  /** WGSL struct declared in `code` that a uniform variable `params` has, and its content. */
  params?: { type: string; data: Uint32Array };
  /** A uniform buffer shared by the whole program (the step's scalars), bound as `step`. */
  step?: { type: string; buffer: GPUBuffer };
  workgroups: [number, number, number];
  /** Floating-point operations, for `explain` and the benchmarks. */
  flops: number;
}

export interface RecordedDispatch {
  label: string;
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: [number, number, number];
}

/** Reads `f32` values into the `u32` words of a parameter block. */
export function floatBits(value: number): number {
  const scratch = new DataView(new ArrayBuffer(4));
  scratch.setFloat32(0, value, true);
  return scratch.getUint32(0, true);
}

interface PreparedKernel {
  dispatch: Dispatch;
  bindings: Binding[];
  kinds: BindingKind[];
  wgsl: string;
}

/** Compiles every distinct kernel of a program at once and prebuilds its bind groups. Regions must be placed. */
export async function record(gpu: GpuContext, dispatches: readonly Dispatch[]): Promise<RecordedDispatch[]> {
  const prepared = dispatches.map((dispatch) => prepare(gpu, dispatch));
  const kernels = await Promise.all(
    prepared.map((p) => gpu.pipelines.get(p.dispatch.label, p.wgsl, p.kinds)),
  );
  const params = createParamsBuffer(gpu, prepared);
  return prepared.map((p, i) => {
    const kernel = kernels[i] as CompiledKernel;
    return {
      label: p.dispatch.label,
      pipeline: kernel.pipeline,
      bindGroup: createBindGroup(gpu.device, p, kernel.layout, params, i),
      workgroups: p.dispatch.workgroups,
    };
  });
}

function prepare(gpu: GpuContext, dispatch: Dispatch): PreparedKernel {
  const { bindings, code } = mergeAliases(dispatch);
  const written = new Set(bindings.filter((b) => b.write).map((b) => b.region.buffer));
  const limit = gpu.device.limits.maxStorageBuffersPerShaderStage;
  if (bindings.length > limit) {
    throw new KronlabError(
      'invalid',
      `${dispatch.label} binds ${bindings.length} storage buffers; this adapter allows ${limit}`,
    );
  }
  const mostBytes = gpu.device.limits.maxStorageBufferBindingSize;
  const large = bindings.find((binding) => binding.region.bytes > mostBytes);
  if (large) {
    throw new KronlabError(
      'invalid',
      `${dispatch.label} binds ${mebibytes(large.region.bytes)} of ${large.region.label}; this adapter allows ${mebibytes(mostBytes)} in one binding. Take a smaller model or batch.`,
    );
  }
  const most = gpu.device.limits.maxComputeWorkgroupsPerDimension;
  if (dispatch.workgroups.some((n) => n > most || n < 1)) {
    throw new KronlabError(
      'invalid',
      `${dispatch.label} needs ${dispatch.workgroups.join(' x ')} workgroups; this adapter allows 1 to ${most} in each direction`,
    );
  }
  // WebGPU forbids one buffer as `read` and `read_write` in the same dispatch, even on disjoint ranges.
  const kinds: BindingKind[] = bindings.map((b) =>
    written.has(b.region.buffer) ? 'storage' : 'read-only-storage',
  );
  const header = bindings.map((b, i) => {
    const access = kinds[i] === 'storage' ? 'read_write' : 'read';
    return `@group(0) @binding(${i}) var<storage, ${access}> ${b.name}: ${b.type};`;
  });
  for (const [name, block] of [
    ['params', dispatch.params],
    ['step', dispatch.step],
  ] as const) {
    if (!block) continue;
    header.push(`@group(0) @binding(${kinds.length}) var<uniform> ${name}: ${block.type};`);
    kinds.push('uniform');
  }
  // `enable` directives must come before everything else.
  const enables = code.match(/^enable [^;]+;$/gm) ?? [];
  const body = code.replace(/^enable [^;]+;$/gm, '');
  return { dispatch, bindings, kinds, wgsl: [...enables, ...header, body].join('\n') };
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/**
 * Two names for the very same region become one binding: bound twice in a dispatch that writes to the same buffer
 * they would both be `read_write`, which WebGPU refuses as aliasing. A region that is read as two types stays bound
 * twice, where nothing writes to its buffer.
 */
function mergeAliases(dispatch: Dispatch): { bindings: Binding[]; code: string } {
  const bindings: Binding[] = [];
  const written = new Set(dispatch.bindings.filter((b) => b.write).map((b) => b.region.buffer));
  let code = dispatch.code;
  for (const binding of dispatch.bindings) {
    const twin = bindings.find(
      (other) => other.region === binding.region || other.region.overlaps(binding.region),
    );
    if (!twin || (twin.type !== binding.type && !written.has(binding.region.buffer))) {
      bindings.push(binding);
      continue;
    }
    if (
      twin.type !== binding.type ||
      twin.write ||
      binding.write ||
      twin.region.offset !== binding.region.offset
    ) {
      throw new KronlabError(
        'internal',
        `${dispatch.label} binds ${twin.name} and ${binding.name} on the same memory`,
      );
    }
    // After a dot the name is a member or a swizzle (`v.x`), not the variable.
    code = code.replace(new RegExp(`(?<!\\.)\\b${binding.name}\\b`, 'g'), twin.name);
  }
  return { bindings, code };
}

function createParamsBuffer(gpu: GpuContext, prepared: readonly PreparedKernel[]): GPUBuffer {
  const buffer = createBuffer(gpu, {
    label: 'kernel parameters',
    size: Math.max(1, prepared.length) * regionAlignment,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    mappedAtCreation: true,
  });
  const words = new Uint32Array(buffer.getMappedRange());
  prepared.forEach((p, i) => {
    const data = p.dispatch.params?.data;
    if (!data) return;
    if (data.byteLength > regionAlignment) {
      throw new KronlabError(
        'internal',
        `${p.dispatch.label} has ${data.byteLength} bytes of parameters; at most ${regionAlignment}`,
      );
    }
    words.set(data, (i * regionAlignment) / 4);
  });
  buffer.unmap();
  return buffer;
}

function createBindGroup(
  device: GPUDevice,
  p: PreparedKernel,
  layout: GPUBindGroupLayout,
  params: GPUBuffer,
  index: number,
): GPUBindGroup {
  const entries: GPUBindGroupEntry[] = p.bindings.map((b, binding) => ({
    binding,
    // Whole vec4s: a binding's size must be a multiple of its element's.
    resource: {
      buffer: b.region.buffer,
      offset: b.region.offset,
      size: Math.ceil(Math.max(b.region.bytes, 4) / 16) * 16,
    },
  }));
  const { params: own, step } = p.dispatch;
  if (own) {
    const size = Math.ceil(own.data.byteLength / 16) * 16;
    entries.push({
      binding: entries.length,
      resource: { buffer: params, offset: index * regionAlignment, size },
    });
  }
  if (step) entries.push({ binding: entries.length, resource: { buffer: step.buffer } });
  return device.createBindGroup({ label: p.dispatch.label, layout, entries });
}

/** Replays recorded launches into a compute pass. */
export function replay(pass: GPUComputePassEncoder, dispatches: readonly RecordedDispatch[]): void {
  let last: GPUComputePipeline | null = null;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== last) {
      pass.setPipeline(dispatch.pipeline);
      last = dispatch.pipeline;
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }
}
