/** Second moments of patches read from images, against those of patches that are written down. */
import { describe, expect, it } from 'vitest';
import { imagePadding, padImage, needsPadding } from '../../gpu-kernels/convolution/padding.ts';
import { placeWindow, type ConvolutionShape, type Window } from '../../gpu-kernels/convolution/window.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { expectClose, f32Tolerance, noise } from '../program/test-program.ts';
import { patchGram, takesPatches } from './gram-lanes.ts';
import { paddedSide } from './padding.ts';

interface Case {
  image: [n: number, height: number, width: number, channels: number];
  window: Window;
  ones?: boolean;
  accumulate?: boolean;
}

function shapeOf({ image, window }: Case): ConvolutionShape {
  const [images, height, width, channels] = image;
  return {
    images,
    channels,
    outputs: 1,
    groups: 1,
    window: placeWindow('convolution', [height, width], window),
  };
}

const alpha = 0.375;

/** Patches in the order of PyTorch's weight: channels, then rows and columns of the window. */
function reference(one: Case, x: Float64Array): { side: number; data: Float64Array } {
  const { images, channels, window } = shapeOf(one);
  const [, height, width] = one.image;
  const { kernel, output, stride, padding, dilation } = window;
  const columns = channels * kernel[0] * kernel[1];
  const side = columns + (one.ones ? 1 : 0);
  const data = new Float64Array(side * side);
  for (let n = 0; n < images; n++) {
    for (let oy = 0; oy < output[0]; oy++) {
      for (let ox = 0; ox < output[1]; ox++) {
        const row = Float64Array.from({ length: side }, (_, column) => {
          if (column === columns) return 1;
          const [c, k] = [Math.floor(column / (kernel[0] * kernel[1])), column % (kernel[0] * kernel[1])];
          const y = oy * stride[0] + Math.floor(k / kernel[1]) * dilation[0] - padding[0];
          const z = ox * stride[1] + (k % kernel[1]) * dilation[1] - padding[1];
          const isInside = y >= 0 && y < height && z >= 0 && z < width;
          return isInside ? (x[((n * height + y) * width + z) * channels + c] ?? NaN) : 0;
        });
        for (let i = 0; i < side; i++) {
          for (let j = 0; j < side; j++) {
            data[i * side + j] = (data[i * side + j] ?? NaN) + alpha * (row[i] ?? NaN) * (row[j] ?? NaN);
          }
        }
      }
    }
  }
  return { side, data };
}

async function check(one: Case): Promise<void> {
  const gpu = openScope(await testGpu());
  const shape = shapeOf(one);
  const [n, height, width, channels] = one.image;
  const x = noise(n * height * width * channels, height + 10 * width);
  const { side, data } = reference(one, x);
  const padded = paddedSide(side);
  const start = one.accumulate ? 2 : 0;
  // Rubbish where it must be overwritten; where it is added to, the padding is zero as ever.
  const before = Float32Array.from({ length: padded * padded }, (_, at) => {
    if (!one.accumulate) return 1e6;
    return Math.floor(at / padded) < side && at % padded < side ? start : 0;
  });
  const factor = uploaded(gpu, 'factor', Float64Array.from(before));
  const padding = imagePadding(shape);
  const dispatches: Dispatch[] = [];
  let image: Region = uploaded(gpu, 'image', x);
  if (needsPadding(padding)) {
    const larger = emptyRegion(gpu, 'padded', n * padding.padded[0] * padding.padded[1] * channels);
    const code = [
      'fn image_at(i: u32) -> vec4f { return image[i]; }',
      'fn padded_set(i: u32, value: vec4f) { padded[i] = value; }',
    ].join('\n');
    const bindings = [
      { name: 'image', type: 'array<vec4f>', region: image, write: false },
      { name: 'padded', type: 'array<vec4f>', region: larger, write: true },
    ];
    dispatches.push(padImage(padding, { code, bindings, unit: 4 }));
    image = larger;
  }
  dispatches.push(
    ...patchGram({
      label: 'patches',
      x: image,
      shape,
      ones: one.ones ?? false,
      accumulate: one.accumulate ?? false,
      factor,
      padded,
      alpha,
      scratch: (label, words) => emptyRegion(gpu, label, words),
    }),
  );
  const recorded = await record(gpu, dispatches);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, recorded);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const got = await readFloats(gpu, factor);
  releaseScope(gpu);
  const expected = new Float64Array(padded * padded);
  data.forEach((value, at) => {
    expected[Math.floor(at / side) * padded + (at % side)] = start + value;
  });
  expectClose(got, expected, f32Tolerance, JSON.stringify(one));
}

describe('second moments of patches', () => {
  it.each<Case>([
    { image: [2, 6, 5, 4], window: { kernel: 3, padding: 1 } },
    { image: [2, 7, 6, 8], window: { kernel: 3, padding: 1 }, ones: true },
    { image: [3, 9, 8, 4], window: { kernel: 3, stride: 2, padding: 1 }, accumulate: true },
    {
      image: [2, 11, 9, 4],
      window: { kernel: [3, 2], stride: [1, 2], padding: [2, 0], dilation: [2, 1] },
      ones: true,
    },
    { image: [5, 4, 4, 16], window: { kernel: 1, stride: 2 }, ones: true, accumulate: true },
    { image: [2, 16, 16, 12], window: { kernel: 4, stride: 4 } },
    { image: [1, 20, 20, 4], window: { kernel: 2 }, ones: true },
  ])('are those of the patches written down: %j', (one) => check(one));

  it('are for whole vec4s of channels, in one group, on four lanes', async () => {
    const gpu = await testGpu();
    const shape = shapeOf({ image: [1, 4, 4, 8], window: { kernel: 3 } });
    expect(takesPatches(gpu, shape)).toBe(true);
    expect(takesPatches(gpu, { ...shape, channels: 6 })).toBe(false);
    expect(takesPatches(gpu, { ...shape, groups: 2 })).toBe(false);
    expect(takesPatches({ ...gpu, adapterClass: 'gpu' }, shape)).toBe(false);
    expect(takesPatches({ ...gpu, fourLaneSubgroups: false }, shape)).toBe(false);
  });
});
