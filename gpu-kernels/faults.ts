/**
 * Errors that WebGPU throws nowhere: what a call asked for is invalid, or memory ran out, and everything done with it later
 * fails in silence, down to metrics that read as zeros. They are caught here, for whoever runs work on the device to ask about.
 */
import { KronlabError } from '../contract/errors.ts';

/** Memory that there is none of, or more in one buffer than the adapter allows: what asked for it may try with less. */
export class GpuMemoryError extends KronlabError {
  constructor(message: string) {
    super('invalid', message);
  }
}

export class DeviceFaults {
  private readonly device: GPUDevice;
  private fault: KronlabError | null = null;
  private readonly checks = new Set<Promise<void>>();

  constructor(device: GPUDevice) {
    this.device = device;
    device.addEventListener('uncapturederror', ({ error }) => {
      this.note(new KronlabError('internal', `The GPU refused work: ${error.message.trim()}`));
    });
  }

  /** Makes a buffer, and notes by its label when memory ran out for it. */
  allocate(descriptor: GPUBufferDescriptor): GPUBuffer {
    this.device.pushErrorScope('out-of-memory');
    const buffer = this.device.createBuffer(descriptor);
    const check = this.device.popErrorScope().then(
      (error) => {
        if (error) this.note(outOfMemory(descriptor));
      },
      // The device is gone, which whoever trains on it learns by `lost`.
      () => undefined,
    );
    this.checks.add(check);
    void check.then(() => this.checks.delete(check));
    return buffer;
  }

  /** The first error since the last was taken, or null. */
  take(): KronlabError | null {
    const { fault } = this;
    this.fault = null;
    return fault;
  }

  /** Throws the first error that is known of. */
  check(): void {
    const fault = this.take();
    if (fault) throw fault;
  }

  /** Waits until all buffers made so far are known to have memory; throws the first error otherwise. */
  async settled(): Promise<void> {
    await Promise.all(this.checks);
    this.check();
  }

  /** What follows from the first error says less about the cause. */
  private note(fault: KronlabError): void {
    this.fault ??= fault;
  }
}

function outOfMemory({ label, size }: GPUBufferDescriptor): GpuMemoryError {
  const mebibytes = Math.ceil(size / 2 ** 20);
  return new GpuMemoryError(
    `${label ?? 'a buffer'}: the GPU has no ${mebibytes} MiB of memory left for it. Take a smaller model or batch, or close what else uses the GPU.`,
  );
}
