/**
 * Sizes that models of each kind are usually taken in: one that trains in minutes on a software adapter, and one for real
 * GPUs, with an example of the data it is meant for.
 */
import type { InputShape } from './input-shape.ts';
import { modelSpecSchema, type ModelSpec } from './run-spec.ts';
import type { z } from 'zod';

export interface ModelPreset {
  id: string;
  name: string;
  model: ModelSpec;
  /** What it is meant to read, and how many numbers it answers. */
  input: InputShape;
  outputs: number;
  /** Examples of a step that fit beside its factors. */
  batch: number;
}

const digits: InputShape = { kind: 'images', channels: 1, height: 8, width: 8 };
const cifar: InputShape = { kind: 'images', channels: 3, height: 32, width: 32 };
const molecules: InputShape = { kind: 'graphs', nodeWidth: 32, edgeWidth: 4, nodes: 13, edges: 27 };

function preset(
  id: string,
  name: string,
  model: z.input<typeof modelSpecSchema>,
  fit: Pick<ModelPreset, 'input' | 'outputs' | 'batch'>,
): ModelPreset {
  return { id, name, model: modelSpecSchema.parse(model), ...fit };
}

export const modelPresets: readonly ModelPreset[] = [
  preset(
    'vit-small',
    'Small, for digits',
    { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 },
    { input: digits, outputs: 10, batch: 64 },
  ),
  preset(
    'vit-s16',
    'ViT-S/16, for 224 pixels',
    { kind: 'vit', patch: 16, width: 384, blocks: 12, heads: 6, mlpRatio: 4, pool: 'class' },
    { input: { kind: 'images', channels: 3, height: 224, width: 224 }, outputs: 1000, batch: 64 },
  ),
  preset(
    'wrn-10-1',
    'WRN-10-1, for digits',
    { kind: 'wide-resnet', depth: 10, width: 1 },
    { input: digits, outputs: 10, batch: 64 },
  ),
  preset(
    'wrn-16-4',
    'WRN-16-4, for 32 pixels',
    { kind: 'wide-resnet', depth: 16, width: 4 },
    { input: cifar, outputs: 10, batch: 128 },
  ),
  preset(
    'cnn-small',
    'Small, for digits',
    { kind: 'cnn', channels: [16, 32] },
    { input: digits, outputs: 10, batch: 64 },
  ),
  preset(
    'cnn-large',
    'Large, for 32 pixels',
    { kind: 'cnn', channels: [64, 128, 256, 512] },
    { input: cifar, outputs: 10, batch: 128 },
  ),
  preset('mlp-small', 'Small', { kind: 'mlp', hidden: [64, 64] }, { input: digits, outputs: 10, batch: 64 }),
  preset(
    'mlp-large',
    'Large',
    { kind: 'mlp', hidden: [1024, 1024, 1024] },
    { input: { kind: 'images', channels: 1, height: 28, width: 28 }, outputs: 10, batch: 256 },
  ),
  preset(
    'decoder-small',
    'Small, for characters',
    { kind: 'decoder', width: 48, blocks: 2, heads: 4 },
    { input: { kind: 'text', length: 64, vocabulary: 64 }, outputs: 64, batch: 32 },
  ),
  preset(
    'gpt-mini',
    'GPT-mini',
    { kind: 'decoder', width: 192, blocks: 6, heads: 6, mlpRatio: 4 },
    { input: { kind: 'text', length: 128, vocabulary: 64 }, outputs: 64, batch: 64 },
  ),
  preset(
    'graph-network-small',
    'Small, for molecules',
    { kind: 'graph-network', width: 32, rounds: 3 },
    { input: molecules, outputs: 2, batch: 64 },
  ),
  preset(
    'graph-network-5x256',
    '5 rounds of 256',
    { kind: 'graph-network', width: 256, rounds: 5 },
    { input: molecules, outputs: 2, batch: 512 },
  ),
  preset(
    'deep-linear-small',
    'Small, for digits',
    { kind: 'deep-linear', hidden: [32, 32] },
    { input: digits, outputs: 10, batch: 64 },
  ),
  preset(
    'deep-linear-large',
    'Large, for 32 pixels',
    { kind: 'deep-linear', hidden: [512, 512, 512], patch: 4 },
    { input: cifar, outputs: 10, batch: 128 },
  ),
];

/** The preset of this id; undefined for none. */
export function findModelPreset(id: string): ModelPreset | undefined {
  return modelPresets.find((candidate) => candidate.id === id);
}
