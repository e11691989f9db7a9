import { expect, it, vi } from 'vitest';
import { openScope, type GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import { testGpu } from '../test-gpu.ts';
import { kernelOwner } from './kernel-owner.ts';

async function gpuOfClassGpu(): Promise<GpuContext> {
  return { ...openScope(await testGpu()), adapterClass: 'gpu', fourLaneSubgroups: false };
}

/** Which launches are made otherwise, and how. */
const changed = vi.hoisted(() => {
  const state = { whose: '', grid: false, text: false };
  const alter = (whose: string, launches: Dispatch[]): Dispatch[] =>
    launches.map((dispatch) => {
      const [x, y, z] = dispatch.workgroups;
      if (whose !== state.whose) return dispatch;
      return {
        ...dispatch,
        workgroups: state.grid ? [x + 1, y, z] : dispatch.workgroups,
        code: state.text ? `${dispatch.code}\n// another` : dispatch.code,
      };
    });
  return { state, alter };
});
vi.mock('../matmul/shared.ts', async (importOriginal) => {
  const shared = await importOriginal<typeof import('../matmul/shared.ts')>();
  const splitProduct: typeof shared.splitProduct = (...given) =>
    changed.alter('product', shared.splitProduct(...given));
  return { ...shared, splitProduct };
});
vi.mock('../convolution/gather-product.ts', async (importOriginal) => {
  const product = await importOriginal<typeof import('../convolution/gather-product.ts')>();
  const gatherProduct: typeof product.gatherProduct = (...given) =>
    changed.alter(given[1].gradient ? 'input gradient' : 'convolution', product.gatherProduct(...given));
  return { ...product, gatherProduct };
});
vi.mock('../convolution/weight-gradient.ts', async (importOriginal) => {
  const gradient = await importOriginal<typeof import('../convolution/weight-gradient.ts')>();
  const tiledWeightGradient: typeof gradient.tiledWeightGradient = (...given) =>
    changed.alter('weight gradient', gradient.tiledWeightGradient(...given));
  return { ...gradient, tiledWeightGradient };
});

it('names the adapter, and a version that is the same as long as the kernels are', async () => {
  const gpu = await gpuOfClassGpu();
  const owner = kernelOwner(gpu);
  expect(owner.adapter).toContain(gpu.name);
  expect(owner.version).toMatch(/^[0-9a-f]{8}$/);
  expect(kernelOwner(await gpuOfClassGpu())).toEqual(owner);
});

it.each(['product', 'convolution', 'input gradient', 'weight gradient'])(
  'has another version as soon as launches are others, though no WGSL file has changed: %s',
  async (whose) => {
    const gpu = await gpuOfClassGpu();
    const versionWith = (state: Partial<typeof changed.state>): string => {
      Object.assign(changed.state, { whose: '', grid: false, text: false }, state);
      return kernelOwner(gpu).version;
    };
    const version = versionWith({});
    const [withGrid, withText] = [versionWith({ whose, grid: true }), versionWith({ whose, text: true })];
    expect(new Set([version, withGrid, withText]).size).toBe(3);
    expect(versionWith({})).toBe(version);
  },
);
