/** The two ways to apply damped factors: inverses for damping of factors, eigenbases for exact damping. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { DampingSettings } from './damping.ts';
import { Eigenbases, type EigenOptions } from './eigenbases.ts';
import type { FactorSet } from './factors.ts';
import { Inverses, type InverseOptions } from './inverses.ts';
import type { JointLayout } from './joint-layout.ts';
import type { Products } from './precondition.ts';
import { eigenProducts, inverseProducts } from './products.ts';

export type Curvature = Inverses | Eigenbases;

export function createCurvature(
  gpu: GpuContext,
  set: FactorSet,
  layout: JointLayout,
  settings: DampingSettings,
  options: EigenOptions & InverseOptions = {},
): Curvature {
  if (settings.rule === 'exact') return new Eigenbases(gpu, set, layout, settings, options);
  return new Inverses(gpu, set, layout, settings, options);
}

/** The matrix products that precondition with it. */
export function productsOf(gpu: GpuContext, layout: JointLayout, curvature: Curvature): Products {
  return curvature instanceof Eigenbases
    ? (arenas) => eigenProducts(gpu, layout, curvature, arenas)
    : (arenas) => inverseProducts(gpu, layout, curvature.groups, arenas);
}
