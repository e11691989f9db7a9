/** Our side of the kernel benchmarks: one product, one inverse, each as recorded launches over memory on the GPU. */
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch, type RecordedDispatch } from '../../gpu-kernels/dispatch.ts';
import { matmulLaunches } from '../../gpu-kernels/matmul/matmul.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { placeInNewBuffer, Region, uploadTable } from '../../gpu-kernels/region.ts';
import { spdInverse } from '../../gpu-kernels/spd-inverse/spd-inverse.ts';
import type { Product } from '../products.ts';
import { submitInTurn } from './submit.ts';

export class OurKernels {
  readonly name = 'ours';
  readonly flops: number;
  private readonly scope: GpuContext;
  private readonly launches: readonly RecordedDispatch[];
  private readonly output: Region;
  private readonly before: (encoder: GPUCommandEncoder) => void;

  private constructor(
    scope: GpuContext,
    dispatches: readonly Dispatch[],
    launches: readonly RecordedDispatch[],
    output: Region,
    before: (encoder: GPUCommandEncoder) => void,
  ) {
    this.scope = scope;
    this.flops = dispatches.reduce((sum, dispatch) => sum + dispatch.flops, 0);
    this.launches = launches;
    this.output = output;
    this.before = before;
  }

  /** C = op(A) op(B), all n x n. */
  static async matmul(gpu: GpuContext, product: Product): Promise<OurKernels> {
    const scope = openScope(gpu);
    const { n, transposeA, transposeB } = product;
    const c = emptyRegion(scope, 'C', n * n);
    const scratch = (label: string, words: number) => emptyRegion(scope, label, words);
    const dispatches = matmulLaunches(
      { gpu: scope, scratch },
      {
        label: product.name,
        a: uploadTable(scope, 'A', product.a),
        b: uploadTable(scope, 'B', product.b),
        c,
        m: n,
        n,
        k: n,
        transposeA,
        transposeB,
      },
    );
    return new OurKernels(scope, dispatches, await record(scope, dispatches), c, () => undefined);
  }

  /** The inverse of one n x n matrix. The kernels work in place, so each call starts with a copy, which is timed too. */
  static async inverse(gpu: GpuContext, matrix: Float32Array, n: number): Promise<OurKernels> {
    const scope = openScope(gpu);
    const given = uploadTable(scope, 'given', matrix);
    const matrices = emptyRegion(scope, 'worked on', n * n);
    const inverse = emptyRegion(scope, 'inverse', n * n);
    const status = emptyRegion(scope, 'status', 4);
    const dispatches = spdInverse(scope, { label: 'inverse', n, batch: 1, matrices, inverse, status });
    const copy = (encoder: GPUCommandEncoder) =>
      encoder.copyBufferToBuffer(
        given.buffer,
        given.offset,
        matrices.buffer,
        matrices.offset,
        matrices.bytes,
      );
    return new OurKernels(scope, dispatches, await record(scope, dispatches), inverse, copy);
  }

  async run(calls: number): Promise<void> {
    await submitInTurn(this.scope.device, calls, (encoder) => {
      this.before(encoder);
      const pass = encoder.beginComputePass();
      replay(pass, this.launches);
      pass.end();
    });
  }

  result(): Promise<Float32Array> {
    return readFloats(this.scope, this.output);
  }

  dispose(): void {
    releaseScope(this.scope);
  }
}

function emptyRegion(scope: GpuContext, label: string, words: number): Region {
  const region = new Region(label, words * 4);
  placeInNewBuffer(scope, label, [region]);
  return region;
}
