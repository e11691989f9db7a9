import { describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import { DeviceFaults } from './faults.ts';
import { createBuffer } from './region.ts';
import { testGpu } from './test-gpu.ts';

/** A device that has memory for buffers of up to 1 MiB, and tells of refusals as WebGPU does: later. */
class SmallDevice extends EventTarget {
  private readonly scopes: { filter: string; error: { message: string } | null }[] = [];
  readonly made: string[] = [];

  pushErrorScope(filter: string): void {
    this.scopes.push({ filter, error: null });
  }

  createBuffer({ label = '', size }: GPUBufferDescriptor): { label: string } {
    this.made.push(label);
    const scope = this.scopes.at(-1);
    if (size > 2 ** 20 && scope?.filter === 'out-of-memory') scope.error = { message: 'no memory' };
    return { label };
  }

  async popErrorScope(): Promise<{ message: string } | null> {
    const scope = this.scopes.pop();
    await Promise.resolve();
    return scope?.error ?? null;
  }

  refuse(message: string): void {
    this.dispatchEvent(Object.assign(new Event('uncapturederror'), { error: { message } }));
  }
}

function smallDevice(): { device: SmallDevice; faults: DeviceFaults } {
  const device = new SmallDevice();
  return { device, faults: new DeviceFaults(device as unknown as GPUDevice) };
}

const buffer = (label: string, size: number) => ({ label, size, usage: 0 });

describe('faults of a device', () => {
  it('are none where all is well', async () => {
    const { device, faults } = smallDevice();
    faults.allocate(buffer('parameters', 1024));
    await faults.settled();
    expect(device.made).toEqual(['parameters']);
    expect(faults.take()).toBeNull();
  });

  it('name the first buffer that memory ran out for, once', async () => {
    const { faults } = smallDevice();
    faults.allocate(buffer('parameters', 1024));
    faults.allocate(buffer('training step: activations', 3 * 2 ** 20 - 5));
    faults.allocate(buffer('moments', 2 ** 21));
    await expect(faults.settled()).rejects.toMatchObject({
      code: 'invalid',
      message:
        'training step: activations: the GPU has no 3 MiB of memory left for it. Take a smaller model or batch, or close what else uses the GPU.',
    });
    await faults.settled();
  });

  it('are what the GPU refused without anybody asking', () => {
    const { device, faults } = smallDevice();
    expect(() => faults.check()).not.toThrow();
    device.refuse('bind group is invalid\n');
    device.refuse('and so is what follows');
    expect(() => faults.check()).toThrow(
      new KronlabError('internal', 'The GPU refused work: bind group is invalid'),
    );
    expect(() => faults.check()).not.toThrow();
  });

  it('of the real API arrive', async () => {
    const gpu = await testGpu();
    await gpu.faults.settled();
    createBuffer(gpu, {
      label: 'cannot be',
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
    });
    await gpu.device.queue.onSubmittedWorkDone();
    expect(gpu.faults.take()?.message).toMatch(/^The GPU refused work: .*cannot be/s);
  });
});
