/** Which optimisers treat the weights of layers as matrices, and which parameters they take over. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { flavoursOf } from '../curvature/flavour.ts';
import { GraftedIdentity } from '../curvature/grafted-identity.ts';
import { InverseFree } from '../curvature/ikfac/ikfac.ts';
import { Kfac } from '../curvature/kfac.ts';
import type { LinearLayer } from '../models/model-builder.ts';
import type { Parameter } from '../program/parameters.ts';
import type { LayerOptimiser } from './layer-optimiser.ts';
import { Shampoo } from './shampoo/shampoo.ts';
import { Soap } from './soap/soap.ts';

/** Null for the first-order rules. Parameters must be allocated. `lossPools`: an example has one loss term. */
export function createLayerOptimiser(
  gpu: GpuContext,
  layers: LinearLayer[],
  optimizer: OptimizerSpec,
  lossPools = true,
): LayerOptimiser | null {
  switch (optimizer.name) {
    case 'sgd':
    case 'adamw':
    case 'nadamw':
      return null;
    case 'kfac':
      return new Kfac(gpu, layers, optimizer, flavoursOf(layers, optimizer, lossPools));
    case 'grafted-identity':
      return new GraftedIdentity(gpu, layers, optimizer);
    case 'ikfac':
    case 'singd':
      return new InverseFree(gpu, layers, optimizer, flavoursOf(layers, optimizer, lossPools));
    case 'shampoo':
      return new Shampoo(gpu, layers, optimizer);
    case 'soap':
      return new Soap(gpu, layers, optimizer);
    default:
      return optimizer satisfies never;
  }
}

/** Whether the layers' own rule moves the parameter, and the first-order launch only keeps its moments. */
export function isLayerParameter(parameter: Pick<Parameter, 'kind'>, optimizer: OptimizerSpec): boolean {
  switch (optimizer.name) {
    case 'sgd':
    case 'adamw':
    case 'nadamw':
      return false;
    case 'kfac':
    case 'grafted-identity':
    case 'ikfac':
    case 'singd':
      return parameter.kind !== 'other';
    case 'shampoo':
    case 'soap':
      return parameter.kind === 'weight';
    default:
      return optimizer satisfies never;
  }
}
