/**
 * Compute pipelines, compiled once per WGSL text and kept for the life of the device. Layouts are explicit: `auto`
 * would drop a binding that a variant does not read, and bind groups could then not be made from the binding list.
 */
import { KronlabError } from '../contract/errors.ts';

export type BindingKind = 'storage' | 'read-only-storage' | 'uniform';

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class PipelineCache {
  private readonly device: GPUDevice;
  private readonly compiled = new Map<string, Promise<CompiledKernel>>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** How many distinct kernels this device has compiled. */
  get size(): number {
    return this.compiled.size;
  }

  /** Compiles a kernel, or returns the one with the same text. Rejects with the compiler's message and the label. */
  get(label: string, wgsl: string, kinds: readonly BindingKind[]): Promise<CompiledKernel> {
    const key = `${kinds.join()}\n${wgsl}`;
    let kernel = this.compiled.get(key);
    if (!kernel) {
      kernel = this.compile(label, wgsl, kinds);
      this.compiled.set(key, kernel);
    }
    return kernel;
  }

  private async compile(label: string, code: string, kinds: readonly BindingKind[]): Promise<CompiledKernel> {
    const layout = this.layout(kinds);
    const module = this.createModule(label, code);
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        label,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      });
      return { pipeline, layout };
    } catch (error) {
      const info = await module.getCompilationInfo();
      const messages = info.messages.map((m) => `line ${m.lineNum}: ${m.message}`).join('; ');
      const reason = messages || (error instanceof Error ? error.message : String(error));
      throw new KronlabError('internal', `kernel ${label} does not compile: ${reason}`, code);
    }
  }

  /** What is wrong with the text, the pipeline tells. */
  private createModule(label: string, code: string): GPUShaderModule {
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ label, code });
    this.device.popErrorScope().catch(() => null);
    return module;
  }

  private layout(kinds: readonly BindingKind[]): GPUBindGroupLayout {
    const key = kinds.join();
    let layout = this.layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        label: key,
        entries: kinds.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.layouts.set(key, layout);
    }
    return layout;
  }
}
