/**
 * One GPU device with what the kernels must know about it: its class (which kernel variants run well), the features
 * that were switched on, and a readable name. The same code runs in a browser worker and in Node on Dawn.
 */
import { KronlabError } from '../contract/errors.ts';
import { DeviceFaults } from './faults.ts';
import { PipelineCache } from './pipelines.ts';
import { StagingPool } from './staging.ts';
import { KernelChoices } from './tuning/kernel-choices.ts';
import { gpuMeasuring, type Measuring } from './tuning/stopwatch.ts';

/** `software`: a CPU pretending to be a GPU, where workgroup memory and barriers are slow. `gpu`: everything else. */
export type AdapterClass = 'gpu' | 'software';

export interface GpuContext {
  /** Held so that it lives as long as its devices: Dawn in Node crashes when it is collected before them. */
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly adapterClass: AdapterClass;
  /** True when every subgroup is exactly four lanes wide, which the fastest software kernels rely on. */
  readonly fourLaneSubgroups: boolean;
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly subgroupSize: number | null;
  readonly pipelines: PipelineCache;
  /** The fastest kernel variants, as far as they are known; used by class `gpu` alone. */
  readonly choices: KernelChoices;
  /** How variants that are not known yet are measured; null where nothing is: on class `software`. */
  readonly measuring: Measuring | null;
  /** Every buffer made in this scope, so that a program can be freed as a whole. */
  readonly buffers: Set<GPUBuffer>;
  /** Buffers of this scope that results are read through. */
  readonly staging: StagingPool;
  /** Set once the device is gone; every later call on it fails. */
  readonly lost: Promise<GPUDeviceLostInfo>;
  /** Errors that no call threw. */
  readonly faults: DeviceFaults;
}

const wantedFeatures: GPUFeatureName[] = ['subgroups', 'timestamp-query'];
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const satisfies (keyof GPUSupportedLimits)[];

const noAdapter =
  'No WebGPU adapter was found. In Chrome or Chromium on Linux switch on chrome://flags/#enable-unsafe-webgpu and Vulkan; ' +
  'in Node install a Vulkan driver (Debian: mesa-vulkan-drivers and libvulkan1); for a software adapter install Debian’s chromium and libvulkan1.';

/** Requests the fastest adapter and a device with everything it offers that the kernels use. Throws `no-adapter`. */
export async function openGpu(gpu: GPU | undefined): Promise<GpuContext> {
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!gpu || !adapter) throw new KronlabError('no-adapter', noAdapter);
  const requiredFeatures = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  for (const limit of wantedLimits) requiredLimits[limit] = adapter.limits[limit];
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  const info = adapter.info;
  const software = isSoftware(info);
  return {
    gpu,
    device,
    adapterClass: software ? 'software' : 'gpu',
    fourLaneSubgroups:
      requiredFeatures.includes('subgroups') && info.subgroupMinSize === 4 && info.subgroupMaxSize === 4,
    name: describeAdapter(info, software),
    vendor: info.vendor,
    architecture: info.architecture,
    features: [...adapter.features].sort(),
    limits: { ...requiredLimits },
    subgroupSize: info.subgroupMaxSize ?? null,
    pipelines: new PipelineCache(device),
    choices: new KernelChoices(),
    measuring: software ? null : gpuMeasuring,
    buffers: new Set(),
    staging: new StagingPool(),
    lost: device.lost,
    faults: new DeviceFaults(device),
  };
}

/** The same device with a ledger of its own: what is made in the scope is freed by `releaseScope`. */
export function openScope(gpu: GpuContext): GpuContext {
  return { ...gpu, buffers: new Set(), staging: new StagingPool() };
}

/** Frees every buffer made in a scope. */
export function releaseScope(scope: GpuContext): void {
  for (const buffer of scope.buffers) buffer.destroy();
  scope.buffers.clear();
  scope.staging.clear();
}

function isSoftware(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp|basic render/.test(text);
}

function describeAdapter(info: GPUAdapterInfo, software: boolean): string {
  const name = /swiftshader/i.test(`${info.architecture} ${info.description}`)
    ? 'SwiftShader'
    : info.description ||
      [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') ||
      'Unnamed adapter';
  return software ? `${name} (software)` : name;
}
