/**
 * A model's numbers as a safetensors file, in and out: every parameter, and every buffer such as running statistics, under
 * its name and with its shape, which are those of the PyTorch module in `docs/models.md`.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { TrainingResult } from '../../contract/training.ts';
import type { ByteSource } from '../../datasets/import/byte-source.ts';
import {
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
} from '../../datasets/import/formats/safetensors.ts';
import { defaultLimits } from '../../datasets/import/limits.ts';
import type { Tensor } from '../../datasets/tensor-dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import type { ModelBuffer, Parameter, Parameters } from '../program/parameters.ts';

/** How a training run exchanges weights with the outside. */
export interface WeightsExchange {
  /** A safetensors file that every run starts from, whatever its settings say. */
  start?: ByteSource;
  /** Answers with the file that a run names as its start, by its hash. */
  find?: (hash: string) => Promise<ByteSource>;
  /** Is given the pieces of a safetensors file when a run has ended, and how it did. */
  keep?: (pieces: Uint8Array<ArrayBuffer>[], result: TrainingResult) => Promise<void>;
}

/** Values by name, of parameters and buffers. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Bytes that are copied back at once. */
const largestPiece = 2 ** 26;

/** PyTorch counts the batches that a batch norm has seen; nothing here depends on it. */
const isCounter = (name: string): boolean => name.endsWith('.num_batches_tracked');

/** The pieces of a file with all parameters and buffers as they are on the GPU now. */
export async function encodeWeights(
  gpu: GpuContext,
  parameters: Parameters,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const tensors: Record<string, Tensor> = {};
  for (const part of inPieces([...parameters.all, ...parameters.buffers])) {
    const contents = await readRegions(
      gpu,
      part.map(({ region }) => region),
    );
    part.forEach(({ name, shape }, i) => {
      tensors[name] = { type: 'f32', shape, data: new Float32Array(contents[i] ?? new ArrayBuffer(0)) };
    });
  }
  return encodeSafetensors(tensors);
}

function inPieces(tensors: readonly (Parameter | ModelBuffer)[]): (Parameter | ModelBuffer)[][] {
  const pieces: (Parameter | ModelBuffer)[][] = [];
  let bytes = Infinity;
  for (const tensor of tensors) {
    bytes += tensor.region.bytes;
    if (bytes <= largestPiece) pieces.at(-1)?.push(tensor);
    else {
      pieces.push([tensor]);
      bytes = tensor.region.bytes;
    }
  }
  return pieces;
}

/**
 * The values of a file for a model, in f32. Throws `invalid` with the file and the tensor that is missing, unknown, of
 * another shape or of whole numbers, what was found and what would be right; nothing is read before all of them fit.
 */
export async function readWeights(source: ByteSource, parameters: Parameters): Promise<Weights> {
  const context = { limits: { ...defaultLimits, bytes: 2 ** 36 } };
  const entries = await readSafetensorsHeader(source, context);
  checkEntries(source.name, entries, [...parameters.all, ...parameters.buffers]);
  const arrays = await readSafetensors(source, context);
  return new Map(
    arrays
      .filter(({ name }) => !isCounter(name))
      .map(({ name, values }) => [name, Float32Array.from(values as Float64Array)]),
  );
}

/** Throws `invalid` with the first tensor of a file that does not fit the parameters and buffers of a model. */
export function checkEntries(
  file: string,
  entries: readonly { name: string; shape: readonly number[]; type: string }[],
  wanted: readonly Pick<Parameter | ModelBuffer, 'name' | 'shape'>[],
): void {
  const found = new Map(entries.map((entry) => [entry.name, entry]));
  const complain = (name: string, problem: string): never => {
    throw new KronlabError('invalid', `${file}, tensor "${name}": ${problem}`);
  };
  for (const { name, shape } of wanted) {
    const entry = found.get(name);
    if (!entry) {
      const others = entries.map((other) => other.name).filter((other) => !isCounter(other));
      complain(
        name,
        `is missing; the model needs it as [${shape.join(', ')}], the file has ${listed(others)}`,
      );
    } else if (entry.shape.join() !== shape.join()) {
      complain(name, `has the shape [${entry.shape.join(', ')}]; the model needs [${shape.join(', ')}]`);
    } else if (!entry.type.includes('f')) {
      complain(
        name,
        `is of type ${entry.type.toUpperCase()}; save it as F32 (F16, BF16 and F64 are read too)`,
      );
    }
  }
  const names = new Set(wanted.map(({ name }) => name));
  const surplus = entries.find(({ name }) => !names.has(name) && !isCounter(name));
  if (surplus) complain(surplus.name, `belongs to nothing in this model, which has ${listed([...names])}`);
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${first} and ${names.length - 6} more` : first || 'none';
}

/** Puts the values of buffers on the GPU; those of parameters go there with the reset of a program. */
export function writeBuffers(gpu: GpuContext, parameters: Parameters, weights: Weights): void {
  for (const { name, region } of parameters.buffers) {
    const values = weights.get(name);
    if (values) writeRegion(gpu, region, values);
  }
}
