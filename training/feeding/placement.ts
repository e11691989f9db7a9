/**
 * Where the parts of a data set are kept while a program trains: on the GPU where they fit, because then a step costs
 * the host nothing but row numbers; else in host memory, from where batches are streamed.
 */
import { partTensor, type DatasetPart, type PreparedDataset } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { gpuTensors } from './part-source.ts';
import { bindingLimit } from './streamed-part.ts';

/** What a program's data set may take of GPU memory. WebGPU does not say how much there is. */
export const usualDataBytes = 2 ** 30;

type PartName = 'train' | 'validation';

export interface Placement {
  readonly isStreamed: Readonly<Record<PartName, boolean>>;
  /** One sentence for each part that is streamed, why. */
  readonly notes: readonly string[];
}

/** The training part has the first claim on `dataBytes`: each of its examples is read once an epoch. */
export function placeParts(gpu: GpuContext, data: PreparedDataset, dataBytes = usualDataBytes): Placement {
  const most = bindingLimit(gpu);
  const notes: string[] = [];
  let free = dataBytes;
  const isStreamed = (name: PartName): boolean => {
    const part = data[name];
    const sizes = gpuTensors(part).map((tensor) => ({ tensor, bytes: tensorBytes(part, tensor) }));
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    const tooLarge = sizes.find(({ bytes }) => bytes > most);
    if (!tooLarge && total <= free) {
      free -= total;
      return false;
    }
    const reason = tooLarge
      ? `its ${tooLarge.tensor} are ${inWords(tooLarge.bytes)}, and this adapter binds at most ${inWords(most)} at once`
      : `it is ${inWords(total)}, and ${inWords(free)} of the ${inWords(dataBytes)} for data on the GPU are free`;
    notes.push(
      `The ${name === 'train' ? 'training' : name} part of ${data.name} is streamed from host memory: ${reason}`,
    );
    return true;
  };
  return { isStreamed: { train: isStreamed('train'), validation: isStreamed('validation') }, notes };
}

function tensorBytes(part: DatasetPart, name: string): number {
  return partTensor(part, name).data.byteLength;
}

function inWords(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
