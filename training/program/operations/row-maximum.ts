/** The largest number of each row, for metrics: how sure a model is of its answer. */
import { lastAxis, size, type Operation, type Tensor } from '../graph.ts';
import { launchRows } from './loss-rows.ts';
import source from './row-maximum.wgsl';
import { requireAxes, requireFloats } from './shape-rules.ts';

const operation: Operation<null> = {
  name: 'row maximum',
  lower: (node, lowering) =>
    launchRows(node, lowering, {
      code: source,
      names: [
        ['x', 'array<f32>'],
        ['result', 'array<f32>'],
      ],
    }),
};

/** [M] of x [M, C], or of [..., C] as M rows. Has no gradient. */
export function rowMaximum(x: Tensor): Tensor {
  requireFloats('row maximum', { input: x });
  requireAxes('row maximum', 'input', x);
  const shape = [size(x.shape) / lastAxis(x)];
  return x.graph.add1(operation, [x], { shape, label: 'row maximum' }, null);
}
