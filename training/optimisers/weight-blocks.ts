/**
 * Weights as matrices for optimisers that look at gradients alone: [outputs, inputs] of a linear layer, [outputs, inputs x
 * kernel] of a convolution. A side longer than the cap is cut into parts, each preconditioned on its own, as in
 * the public implementation of Shampoo (facebookresearch/optimizers).
 */
import { columnParts } from '../curvature/blocks.ts';
import type { JointMatrix } from '../curvature/joint-layout.ts';
import type { LinearLayer } from '../models/layers.ts';

export interface WeightBlock extends JointMatrix {
  readonly name: string;
}

/** The blocks of all weights. Biases and everything else are not among them. */
export function weightBlocks(layers: readonly LinearLayer[], maxSide: number): WeightBlock[] {
  return layers
    .filter((layer) => layer.weight.kind === 'weight')
    .flatMap(({ name, weight, inputs, outputs, isTransposed }) => {
      const [rowStride, columnStride] = isTransposed ? [1, outputs] : [inputs, 1];
      const rows = columnParts(0, outputs, false, maxSide);
      const columns = columnParts(0, inputs, false, maxSide);
      return rows.flatMap((row) =>
        columns.map((column): WeightBlock => {
          const isWhole = rows.length * columns.length === 1;
          return {
            name: isWhole ? name : `${name} from row ${row.first}, column ${column.first}`,
            layer: {
              outputs: row.width,
              inputs: column.width,
              weight: {
                get offset() {
                  return weight.offset + row.first * rowStride + column.first * columnStride;
                },
              },
              bias: null,
              rowStride,
              columnStride,
            },
          };
        }),
      );
    });
}
