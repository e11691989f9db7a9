/**
 * The patches of a convolution summed over all its positions, without writing them down: for every pixel of the window the
 * sum over the positions falls into one over rows and one over columns (singd's and einconv's averaged patches, as index
 * patterns). What `sumAxes(unfold(x))` takes N positions C KH KW reads for takes N C (KH OH W + KH KW OW).
 */
import { placeWindow, type PlacedWindow, type Window } from '../../../gpu-kernels/convolution/window.ts';
import { floatBits, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import source from './patch-sums.wgsl';
import { requireFloats, requireShape } from './shape-rules.ts';

interface Attributes {
  window: PlacedWindow;
  scale: number;
}

const operation: Operation<Attributes> = {
  name: 'patch sums',
  lower(node, lowering) {
    const [x] = node.inputs as [Tensor];
    const y = node.outputs[0] as Tensor;
    const [images, , , channels] = x.shape as [number, number, number, number];
    const { window, scale } = node.attributes;
    const { kernel, image } = window;
    const words = images * kernel[0] * image[1] * channels;
    const rows = lowering.scratch('sums over rows', words);
    const launch = (axis: 0 | 1, count: number, from: Region, to: Region): Dispatch => {
      const grid = linearGrid(count, 64);
      return {
        label: 'patch sums',
        code: expandTemplate(source, { ROWS: axis === 0, ROW: grid.row }),
        bindings: [
          { name: 'x', type: 'array<f32>', region: from, write: false },
          { name: 'y', type: 'array<f32>', region: to, write: true },
        ],
        params: {
          type: 'Params',
          data: Uint32Array.of(
            count,
            image[axis],
            window.output[axis],
            kernel[axis],
            window.stride[axis],
            window.dilation[axis],
            window.padding[axis],
            kernel[0],
            image[1],
            channels,
            floatBits(scale),
          ),
        },
        workgroups: grid.workgroups,
        flops: count * window.output[axis],
      };
    };
    return [launch(0, words, lowering.region(x), rows), launch(1, size(y.shape), rows, lowering.region(y))];
  },
};

/** x [N, H, W, C] to [N, C * KH * KW]: `scale` times the sum of its patches, columns in the order of PyTorch's weight. */
export function patchSums(x: Tensor, window: Window, scale = 1): Tensor {
  requireFloats('patch sums', { image: x });
  requireShape('patch sums', 'image', x, ['images', 'height', 'width', 'channels']);
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const placed = placeWindow('convolution', [height, width], window);
  const shape = [images, channels * placed.kernel[0] * placed.kernel[1]];
  return x.graph.add1(operation, [x], { shape, label: 'patch sums' }, { window: placed, scale });
}
