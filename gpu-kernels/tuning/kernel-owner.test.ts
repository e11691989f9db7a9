import { expect, it, vi } from 'vitest';
import { openScope, type GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import { testGpu } from '../test-gpu.ts';
import { kernelOwner } from './kernel-owner.ts';

async function gpuOfClassGpu(): Promise<GpuContext> {
  return { ...openScope(await testGpu()), adapterClass: 'gpu', fourLaneSubgroups: false };
}

const changed = vi.hoisted(() => ({ grid: false, text: false }));
vi.mock('../matmul/shared.ts', async (importOriginal) => {
  const shared = await importOriginal<typeof import('../matmul/shared.ts')>();
  const splitProduct: typeof shared.splitProduct = (...given) =>
    shared.splitProduct(...given).map((dispatch): Dispatch => {
      const [x, y, z] = dispatch.workgroups;
      return {
        ...dispatch,
        workgroups: changed.grid ? [x + 1, y, z] : dispatch.workgroups,
        code: changed.text ? `${dispatch.code}\n// another` : dispatch.code,
      };
    });
  return { ...shared, splitProduct };
});

it('names the adapter, and a version that is the same as long as the kernels are', async () => {
  const gpu = await gpuOfClassGpu();
  const owner = kernelOwner(gpu);
  expect(owner.adapter).toContain(gpu.name);
  expect(owner.version).toMatch(/^[0-9a-f]{8}$/);
  expect(kernelOwner(await gpuOfClassGpu())).toEqual(owner);
});

it('has another version as soon as a product is made otherwise, though no WGSL file has changed', async () => {
  const gpu = await gpuOfClassGpu();
  const { version } = kernelOwner(gpu);
  changed.grid = true;
  const withGrid = kernelOwner(gpu).version;
  changed.grid = false;
  changed.text = true;
  const withText = kernelOwner(gpu).version;
  changed.text = false;
  expect(new Set([version, withGrid, withText]).size).toBe(3);
  expect(kernelOwner(gpu).version).toBe(version);
});
