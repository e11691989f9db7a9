/**
 * The patches a convolution sees, as rows: with them a convolution is a linear layer that shares its weight over the
 * output positions, which is just how K-FAC treats it.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './unfold.wgsl';

export interface Window {
  kernel: readonly [number, number];
  stride: number;
  padding: number;
  dilation: number;
}

interface Attributes {
  image: readonly [number, number, number, number];
  output: readonly [number, number];
  window: Window;
}

const unfoldOperation: Operation<Attributes> = {
  name: 'unfold',
  gradient(node, [g]) {
    if (!g) return [null];
    const shape = node.attributes.image;
    return [g.graph.add1(foldOperation, [g], { shape, label: 'fold' }, node.attributes)];
  },
  lower: (node, lowering) => launch(node, lowering, false),
};

const foldOperation: Operation<Attributes> = {
  name: 'fold',
  lower: (node, lowering) => launch(node, lowering, true),
};

function launch(node: Node<Attributes>, lowering: Lowering, fold: boolean) {
  const result = node.outputs[0] as Tensor;
  const { image, output, window } = node.attributes;
  const grid = linearGrid(size(result.shape), 64);
  return [
    {
      label: node.operation.name,
      code: expandTemplate(source, { ROW: grid.row, COUNT: grid.count, FOLD: fold }),
      bindings: [
        {
          name: 'source',
          type: 'array<f32>',
          region: lowering.region(node.inputs[0] as Tensor),
          write: false,
        },
        { name: 'result', type: 'array<f32>', region: lowering.region(result), write: true },
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(
          ...image,
          ...output,
          ...window.kernel,
          window.stride,
          window.padding,
          window.dilation,
        ),
      },
      workgroups: grid.workgroups,
      flops: 0,
    },
  ];
}

/** x [N, H, W, C] to patches [N, OH * OW, C * KH * KW]; zero padding. Also answers the output's height and width. */
export function unfold(x: Tensor, window: Window): { patches: Tensor; height: number; width: number } {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const extent = (length: number, kernel: number) =>
    Math.floor((length + 2 * window.padding - window.dilation * (kernel - 1) - 1) / window.stride) + 1;
  const [kh, kw] = window.kernel;
  const height = extent(h, kh);
  const width = extent(w, kw);
  if (height < 1 || width < 1) {
    throw new KronlabError(
      'invalid',
      `a ${kh} x ${kw} convolution does not fit into an image of ${h} x ${w}`,
    );
  }
  const patches = x.graph.add1(
    unfoldOperation,
    [x],
    { shape: [n, height * width, c * kh * kw], label: 'patches' },
    { image: [n, h, w, c], output: [height, width], window },
  );
  return { patches, height, width };
}
