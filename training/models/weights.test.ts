/** Weights go out and come back bit by bit, and a file that does not fit says where and why. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesSource } from '../../datasets/import/byte-source.ts';
import { encodeSafetensors } from '../../datasets/import/formats/safetensors.ts';
import type { Tensor } from '../../datasets/tensor-dataset.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { size } from '../program/graph.ts';
import { noise } from '../program/test-program.ts';
import { traceModel } from './test-model.ts';
import { encodeWeights, readWeights, writeBuffers } from './weights.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const spec = { kind: 'wide-resnet', depth: 10, width: 1, norm: 'batch' } as const;
const resNet = () => traceModel(spec, [2, 1, 4, 4], 3).parameters;

const joined = (pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};
const sourceOf = (tensors: Record<string, Tensor>) =>
  bytesSource(joined(encodeSafetensors(tensors)), 'net.safetensors');

/** All that the model needs, as a file has it. */
function fitting(): Record<string, Tensor> {
  const parameters = resNet();
  return Object.fromEntries(
    [...parameters.all, ...parameters.buffers].map(({ name, shape }, i) => [
      name,
      { type: 'f32', shape, data: Float32Array.from(noise(size(shape), i)) },
    ]),
  );
}

it('what was written is what is read, running statistics too', async () => {
  const scope = openScope(gpu);
  const tensors = fitting();
  const parameters = resNet();
  parameters.allocate(scope);
  const read = await readWeights(sourceOf(tensors), parameters);
  parameters.upload(scope, ({ name }) => read.get(name)!);
  writeBuffers(scope, parameters, read);
  const [running] = await readRegions(scope, [parameters.buffers[0]!.region]);
  expect(new Float32Array(running!)).toEqual(tensors[parameters.buffers[0]!.name]!.data);
  const written = joined(await encodeWeights(scope, parameters));
  expect(written).toEqual(joined(encodeSafetensors(tensors)));
  releaseScope(scope);
});

it('knows the counters of PyTorch’s batch norms and leaves them out', async () => {
  const counter: Tensor = { type: 'u32', shape: [], data: Uint32Array.of(7) };
  const read = await readWeights(sourceOf({ ...fitting(), 'bn1.num_batches_tracked': counter }), resNet());
  expect(read.has('bn1.num_batches_tracked')).toBe(false);
  expect(read.size).toBe(Object.keys(fitting()).length);
});

it('reads what was saved in bfloat16', async () => {
  const parameters = traceModel({ kind: 'mlp', hidden: [2], activation: 'relu' }, [1, 1, 1, 2], 1).parameters;
  const values = [1.5, -2, 0.25, 3];
  const data = new Uint8Array(2 * 9);
  const half = new DataView(data.buffer);
  // The upper half of a float32 is its bfloat16.
  const bits = (v: number) => new Uint32Array(Float32Array.of(v).buffer)[0]! >>> 16;
  [...values, 5, 6, 7, 8, 9].forEach((v, i) => half.setUint16(2 * i, bits(v), true));
  const layout = [
    ['layers.0.weight', [2, 2], 0, 8],
    ['layers.0.bias', [2], 8, 12],
    ['head.weight', [1, 2], 12, 16],
    ['head.bias', [1], 16, 18],
  ] as const;
  const header = new TextEncoder().encode(
    JSON.stringify(
      Object.fromEntries(
        layout.map(([name, shape, from, to]) => [name, { dtype: 'BF16', shape, data_offsets: [from, to] }]),
      ),
    ),
  );
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  const read = await readWeights(bytesSource(joined([length, header, data]), 'half.safetensors'), parameters);
  expect([...read.get('layers.0.weight')!]).toEqual(values);
  expect([...read.get('head.bias')!]).toEqual([9]);
});

describe('a file that does not fit', () => {
  const changed = (change: (tensors: Record<string, Tensor>) => void) => {
    const tensors = fitting();
    change(tensors);
    return readWeights(sourceOf(tensors), resNet());
  };

  it('lacks a tensor', () =>
    expect(changed((t) => delete t['fc.weight'])).rejects.toThrow(
      /^net\.safetensors, tensor "fc\.weight": is missing; the model needs it as \[3, 64\], the file has .* and \d+ more$/,
    ));
  it('has one of another shape', () =>
    expect(
      changed((t) => (t['fc.bias'] = { type: 'f32', shape: [1, 3], data: new Float32Array(3) })),
    ).rejects.toThrow('net.safetensors, tensor "fc.bias": has the shape [1, 3]; the model needs [3]'));
  it('has whole numbers', () =>
    expect(
      changed((t) => (t['fc.bias'] = { type: 'u32', shape: [3], data: new Uint32Array(3) })),
    ).rejects.toThrow('tensor "fc.bias": is of type U32; save it as F32 (F16, BF16 and F64 are read too)'));
  it('has one too many', () =>
    expect(
      changed((t) => (t['fc2.bias'] = { type: 'f32', shape: [3], data: new Float32Array(3) })),
    ).rejects.toThrow(/tensor "fc2\.bias": belongs to nothing in this model, which has conv1\.weight, /));
});
