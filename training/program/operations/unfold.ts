/**
 * The patches a convolution sees, as rows: with them a convolution is a linear layer that shares its weight over the
 * output positions, which is just how K-FAC treats it.
 */
import { placeWindow, type PlacedWindow, type Window } from '../../../gpu-kernels/convolution/window.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import { requireFloats, requireShape } from './shape-rules.ts';
import source from './unfold.wgsl';

interface Attributes {
  images: number;
  channels: number;
  window: PlacedWindow;
}

const unfoldOperation: Operation<Attributes> = {
  name: 'unfold',
  gradient(node, [g]) {
    if (!g) return [null];
    const { shape } = node.inputs[0] as Tensor;
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
  const { images, channels, window } = node.attributes;
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
          images,
          ...window.image,
          channels,
          ...window.output,
          ...window.kernel,
          ...window.stride,
          ...window.padding,
          ...window.dilation,
        ),
      },
      workgroups: grid.workgroups,
      flops: 0,
    },
  ];
}

/** x [N, H, W, C] to patches [N, OH * OW, C * KH * KW]; zero padding. Also answers the output's height and width. */
export function unfold(x: Tensor, window: Window): { patches: Tensor; height: number; width: number } {
  requireFloats('unfold', { image: x });
  requireShape('unfold', 'image', x, ['images', 'height', 'width', 'channels']);
  const [images, h, w, channels] = x.shape as [number, number, number, number];
  const placed = placeWindow('convolution', [h, w], window);
  const [height, width] = placed.output;
  const columns = channels * placed.kernel[0] * placed.kernel[1];
  const shape = [images, height * width, columns];
  const attributes = { images, channels, window: placed };
  return {
    patches: x.graph.add1(unfoldOperation, [x], { shape, label: 'patches' }, attributes),
    height,
    width,
  };
}
