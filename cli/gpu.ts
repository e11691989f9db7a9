/** The GPU in Node: Dawn from the `webgpu` package, on whatever Vulkan, Metal or Direct3D driver the machine has. */
import { dirname, join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';
import type { KernelStore, Trainer } from '../contract/training.ts';
import type { ByteSource } from '../datasets/import/byte-source.ts';
import { bundledDirectory } from '../datasets/node/bundled.ts';
import { loadDataset } from '../datasets/node/load.ts';
import { openDawn } from '../gpu-kernels/dawn.ts';
import { openGpu, type GpuContext } from '../gpu-kernels/device.ts';
import { WeightsStore } from '../main/services/weights-store.ts';
import type { WeightsExchange } from '../training/models/weights.ts';
import packageJson from '../package.json' with { type: 'json' };

export interface NodeTrainerOptions {
  /** Where measured kernel choices are kept. */
  kernels?: KernelStore;
  weights?: WeightsExchange;
  /** Folder of the imported data sets; without it only bundled ones are known. */
  imported?: string;
}

/** Makes the trainer of a command. Tests pass their own. */
export type TrainerFactory = (options?: NodeTrainerOptions) => Promise<Trainer>;

async function openNodeGpu(): Promise<GPU> {
  try {
    return await openDawn();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new KronlabError('no-adapter', `WebGPU for Node could not be loaded (${reason}). ${advice}`);
  }
}

/** Opens the adapter alone, for a look at compiled programs. Throws `no-adapter` with what to install. */
export async function openNodeContext(): Promise<GpuContext> {
  const gpu = await openNodeGpu();
  try {
    return await openGpu(gpu);
  } catch (error) {
    throw adviseOn(error);
  }
}

/** Opens the adapter for training. Throws `no-adapter` with what to install or switch on. */
export async function createNodeTrainer(options: NodeTrainerOptions = {}): Promise<Trainer> {
  const { kernels, weights, imported } = options;
  const gpu = await openNodeGpu();
  const { createTrainer } = await import('../training/loop/trainer.ts');
  try {
    return await createTrainer({
      gpu,
      host: `Node ${process.versions.node} (Dawn)`,
      appVersion: packageJson.version,
      loadDataset: (spec) => loadDataset(spec, bundledDirectory, imported),
      ...(kernels && { kernels }),
      weights: { find: (hash) => findStart(imported, hash), ...weights },
    });
  } catch (error) {
    throw adviseOn(error);
  }
}

/** A file that a run names as its start, kept beside the imported data sets. */
async function findStart(imported: string | undefined, hash: string): Promise<ByteSource> {
  const folder = imported === undefined ? null : join(dirname(imported), 'weights');
  const source = folder && (await new WeightsStore(folder).find({ hash }));
  if (source) return source;
  throw new KronlabError(
    'not-found',
    `startWeights: there is no file ${hash.slice(0, 12)} in ${folder ?? 'any folder given'}; choose it in the window, or give --start`,
  );
}

/** The same problem; a missing adapter with what helps in Node. */
function adviseOn(error: unknown): KronlabError {
  const problem = KronlabError.from(error);
  if (problem.code !== 'no-adapter') return problem;
  return new KronlabError('no-adapter', `No WebGPU adapter was found in Node. ${advice}`);
}

const advice =
  "Install your GPU's Vulkan driver (Debian: mesa-vulkan-drivers, or nvidia-driver), or for the software adapter " +
  "Debian's chromium and libvulkan1; VK_DRIVER_FILES may name a driver's .json file.";
