/**
 * Inverted dropout. The mask is not stored: it is a function of seed, step, stream and position, and the gradient draws
 * it again. A program for evaluation leaves the operation out.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import philox from '../../../gpu-kernels/philox.wgsl';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Operation, type Tensor } from '../graph.ts';
import { stepScalarsSource, type StepUniform } from '../step-scalars.ts';
import source from './dropout.wgsl';

interface Attributes {
  rate: number;
  stream: number;
  step: StepUniform;
}

const operation: Operation<Attributes> = {
  name: 'dropout',
  fusedReads: [0],
  fusedWrites: [0],
  cheap: () => [],
  gradient(node, [g]) {
    const { attributes } = node;
    if (!g) return [];
    return [g.graph.add1(operation, [g], { shape: g.shape, label: 'dropout gradient' }, attributes)];
  },
  lower(node, lowering) {
    const [input] = node.inputs as [Tensor];
    const { rate, stream, step } = node.attributes;
    const count = size(input.shape);
    const quads = lastAxis(input) % 4 === 0;
    const grid = linearGrid(Math.ceil(count / 4), 64);
    const x = lowering.reader('x', input, quads ? 4 : 1);
    const y = lowering.writer('y', node.outputs[0] as Tensor, quads ? 4 : 1);
    const code = expandTemplate(source, { QUADS: quads, ROW: grid.row });
    return [
      {
        label: 'dropout',
        code: [stepScalarsSource, philox, x.code, y.code, code].join('\n'),
        bindings: [...x.bindings, ...y.bindings],
        params: {
          type: 'Params',
          data: Uint32Array.of(count, stream, floatBits(rate), floatBits(1 / (1 - rate))),
        },
        step,
        workgroups: grid.workgroups,
        flops: count,
      },
    ];
  },
};

/**
 * Sets a share `rate` of the numbers to 0 and divides the others by 1 - rate. Every dropout of a model takes a `stream`
 * of its own; programs with the same streams draw the same masks at the same seed and step.
 */
export function dropout(x: Tensor, rate: number, step: StepUniform, stream: number): Tensor {
  if (!(rate >= 0 && rate < 1)) {
    throw new KronlabError('invalid', `dropout: a rate of ${rate} is not in [0, 1)`);
  }
  if (rate === 0) return x;
  return x.graph.add1(operation, [x], { shape: x.shape, label: 'dropout' }, { rate, stream, step });
}
