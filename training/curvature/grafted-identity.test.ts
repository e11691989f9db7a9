/** What the control keeps in memory. What it computes is held against float64 in `update-rule.test.ts`. */
import { expect, it, vi } from 'vitest';
import { graftedIdentitySpecSchema } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { LinearLayer } from '../models/layers.ts';
import type { LayerOptimiser } from '../optimisers/layer-optimiser.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { GraftedIdentity } from './grafted-identity.ts';
import { bothSides } from './flavour.ts';
import { Kfac } from './kfac.ts';
import { kfacSpec, netShape, prepareLayerStep } from './test-net.ts';

const wide = 300;

/** Bytes of the buffers that an optimiser makes for a net with `wide` hidden units. */
async function bytesOf(create: (gpu: GpuContext, layers: LinearLayer[]) => LayerOptimiser): Promise<number> {
  let bytes = 0;
  const spec = kfacSpec({});
  await prepareLayerStep(
    spec,
    (gpu, layers) => {
      const made = vi.spyOn(gpu.device, 'createBuffer');
      const rule = create(gpu, layers);
      bytes = made.mock.calls.reduce((sum, [{ size }]) => sum + size, 0);
      made.mockRestore();
      return rule;
    },
    new Map([
      ['first.weight', new Float64Array(wide * netShape.inputs)],
      ['second.weight', new Float64Array(netShape.classes * wide)],
    ]),
    (builder, x) => {
      const hidden = builder.linear('first', x, wide, { bias: false });
      return meanAxes(builder.linear('second', hidden, netShape.classes, { bias: false }), 1, 1);
    },
  );
  return bytes;
}

it('has no memory for factors that are never computed', async () => {
  const spec = graftedIdentitySpecSchema.parse({ name: 'grafted-identity', lr: 0.1 });
  const control = await bytesOf((gpu, layers) => new GraftedIdentity(gpu, layers, spec));
  const kfac = await bytesOf((gpu, layers) => new Kfac(gpu, layers, kfacSpec({}), () => bothSides('expand')));
  const factor = 4 * wide * wide;
  expect(kfac).toBeGreaterThan(4 * factor);
  expect(control).toBeLessThan(factor / 2);
});
