import { describe, expect, it } from 'vitest';
import type { DatasetPart, PreparedDataset } from '../../datasets/dataset.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { tinyDataset } from '../loop/test-trainer.ts';
import { placeParts, usualDataBytes } from './placement.ts';

const gpu = await testGpu();
const bytesOf = ({ tensors }: DatasetPart) =>
  Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
const data: PreparedDataset = tinyDataset();
const [train, validation] = [bytesOf(data.train), bytesOf(data.validation)];

describe('where a data set is kept', () => {
  it.each<[string, number | undefined, boolean, boolean]>([
    ['usually', undefined, false, false],
    ['where it fits to the byte', train + validation, false, false],
    ['where one byte is missing', train + validation - 1, false, true],
    ['where the training part fits alone', train, false, true],
    ['where only the validation part fits', train - 1, true, false],
    ['where nothing fits', validation - 1, true, true],
  ])('%s', (_, bytes, trainIsStreamed, validationIsStreamed) => {
    const { isStreamed, notes } = placeParts(gpu, data, bytes);
    expect(isStreamed).toEqual({ train: trainIsStreamed, validation: validationIsStreamed });
    expect(notes).toHaveLength(Number(trainIsStreamed) + Number(validationIsStreamed));
  });

  it('says how much there is and how much may be there', () => {
    const { notes } = placeParts(gpu, data, train + 1);
    expect(notes).toEqual([
      `The validation part of Tiny is streamed from host memory: it is ${validation} bytes, and 1 bytes of the ` +
        `${train + 1} bytes for data on the GPU are free`,
    ]);
  });

  it('is not on the GPU where the adapter does not bind a tensor at once', () => {
    const inputs = data.train.tensors['inputs']!.data.byteLength;
    const small = { ...gpu, limits: { ...gpu.limits, maxStorageBufferBindingSize: inputs - 1 } };
    const { isStreamed, notes } = placeParts(small, data, usualDataBytes);
    expect(isStreamed).toEqual({ train: true, validation: false });
    expect(notes).toEqual([
      `The training part of Tiny is streamed from host memory: its inputs are ${inputs} bytes, and this adapter binds ` +
        `at most ${inputs - 1} bytes at once`,
    ]);
  });
});
