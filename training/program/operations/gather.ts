/** Rows of a resident table picked by number: the batch, taken from the data set on the GPU. */
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import source from './gather.wgsl';
import { requireAxes, requireShape, requireType } from './shape-rules.ts';

const operation: Operation<null> = {
  name: 'gather',
  fusedWrites: [0],
  lower(node, lowering) {
    const [table, rows] = node.inputs as [Tensor, Tensor];
    const output = node.outputs[0] as Tensor;
    const width = size(table.shape.slice(1));
    const grid = linearGrid(size(output.shape), 64);
    const type = `array<${table.type}>`;
    const result = lowering.writer('result', output, 1);
    return [
      {
        label: 'gather',
        code: [result.code, expandTemplate(source, { ROW: grid.row, COUNT: grid.count, WIDTH: width })].join(
          '\n',
        ),
        bindings: [
          { name: 'table', type, region: lowering.region(table), write: false },
          { name: 'rows', type: 'array<u32>', region: lowering.region(rows), write: false },
          ...result.bindings,
        ],
        workgroups: grid.workgroups,
        flops: 0,
      },
    ];
  },
};

/** table [count, ...] and u32 row numbers [N] give [N, ...]. */
export function gather(table: Tensor, rows: Tensor): Tensor {
  requireAxes('gather', 'table', table);
  requireType('gather', 'row numbers', rows, 'u32');
  requireShape('gather', 'row numbers', rows, ['rows']);
  const shape = [...rows.shape, ...table.shape.slice(1)];
  return table.graph.add1(operation, [table, rows], { shape, type: table.type, label: 'batch' }, null);
}
