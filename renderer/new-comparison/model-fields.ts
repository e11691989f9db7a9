/** Which models the form offers and what it calls them, and the fields of each. Their rules are the contract's. */
import type { DatasetKind } from '../../contract/data-kinds.ts';
import { findModelPreset, modelPresets } from '../../contract/model-presets.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import type { Option } from '../components/select-option.ts';
import { texts, type SettingTexts } from './setting-texts.ts';

export type ModelKind = ModelSpec['kind'];

export interface ModelField {
  key: string;
  label: string;
  /** Unit or meaning in a few words. */
  about: string;
  /** What it holds when a model is chosen for the first time. */
  start: string;
  options?: readonly Option[];
  /** A list of numbers. */
  isList?: true;
  /** Where the draft keeps it, if another model has a setting of that name and another meaning. Default: the key. */
  slot?: string;
}

interface ModelChoice {
  name: string;
  /** What it reads and is, in a sentence. */
  about: string;
  fields: readonly ModelField[];
}

const onOff: readonly Option[] = [
  { value: 'on', label: 'On' },
  { value: 'off', label: 'Off' },
];

const models: Record<ModelKind, ModelChoice> = {
  vit: {
    name: 'Vision transformer',
    about: 'Reads images: patches as tokens, pre-norm blocks of attention and MLP.',
    fields: [
      { key: 'patch', label: 'Patch', about: 'side in pixels', start: '2' },
      { key: 'width', label: 'Width', about: 'of a token', start: '32' },
      { key: 'heads', label: 'Heads', about: 'divide the width', start: '4' },
      { key: 'blocks', label: 'Blocks', about: 'in a row', start: '2' },
      { key: 'mlpRatio', label: 'MLP ratio', about: '× width', start: '2' },
      {
        ...{ key: 'pool', label: 'Pool', about: 'what the head reads', start: 'mean' },
        options: [
          { value: 'mean', label: 'Mean of patches' },
          { value: 'class', label: 'Class token' },
        ],
      },
    ],
  },
  'wide-resnet': {
    name: 'Wide ResNet',
    about: 'Reads images: three groups of residual blocks, the later ones on half the pixels.',
    fields: [
      { key: 'depth', label: 'Depth', about: '6 n + 4: 10, 16, 22, 28', start: '10' },
      { key: 'width', slot: 'channelFactor', label: 'Width', about: '× 16 channels', start: '1' },
      {
        ...{ key: 'norm', slot: 'resnetNorm', label: 'Norm', about: 'before each ReLU', start: 'batch' },
        options: [
          { value: 'batch', label: 'Batch norm' },
          { value: 'group', label: 'Group norm' },
          { value: 'fixup', label: 'None (Fixup)' },
        ],
      },
    ],
  },
  cnn: {
    name: 'CNN',
    about: 'Reads images: convolutions in a row, then the mean over all pixels.',
    fields: [
      {
        ...{ key: 'channels', label: 'Channels of each layer', start: '16, 32', isList: true },
        about: '3 × 3 convolutions with ReLU; from the second on with stride 2',
      },
    ],
  },
  mlp: {
    name: 'MLP',
    about: 'Reads images or tables, an example as one row: no weight is shared.',
    fields: [
      {
        ...{ key: 'hidden', label: 'Hidden widths', start: '64, 64', isList: true },
        about: 'a number for each hidden layer',
      },
      {
        ...{ key: 'activation', label: 'Activation', about: 'after each hidden layer', start: 'relu' },
        options: [
          { value: 'relu', label: 'ReLU' },
          { value: 'tanh', label: 'tanh' },
          { value: 'gelu', label: 'GELU' },
        ],
      },
    ],
  },
  decoder: {
    name: 'Decoder transformer',
    about: 'Reads text and predicts each next token from those before: a loss term per token.',
    fields: [
      { key: 'width', label: 'Width', about: 'of a token', start: '32' },
      { key: 'heads', label: 'Heads', about: 'divide the width', start: '4' },
      { key: 'blocks', label: 'Blocks', about: 'in a row', start: '2' },
      { key: 'mlpRatio', label: 'MLP ratio', about: '× width', start: '2' },
      {
        ...{ key: 'positions', label: 'Positions', about: 'added to the tokens', start: 'learned' },
        options: [
          { value: 'learned', label: 'Learned' },
          { value: 'sinusoidal', label: 'Sinusoidal' },
        ],
      },
      {
        ...{ key: 'head', label: 'Head', about: 'that makes the logits', start: 'separate' },
        options: [
          { value: 'separate', label: 'Of its own' },
          { value: 'tied', label: 'Table of tokens' },
        ],
      },
    ],
  },
  'graph-network': {
    name: 'Graph network',
    about: 'Reads graphs: nodes and edges tell each other their states, round after round.',
    fields: [
      { key: 'width', label: 'Width', about: 'of every state', start: '32' },
      { key: 'rounds', label: 'Rounds', about: 'of message passing', start: '3' },
      {
        ...{ key: 'aggregation', label: 'Aggregation', about: 'of the edges into a node', start: 'sum' },
        options: [
          { value: 'sum', label: 'Sum' },
          { value: 'mean', label: 'Mean' },
        ],
      },
      {
        ...{ key: 'globals', label: 'Globals', about: 'a state for each graph', start: 'on' },
        options: onOff,
      },
      {
        ...{ key: 'readout', label: 'Readout', about: 'what the outputs are made of', start: 'mean' },
        options: [
          { value: 'mean', label: 'Mean of nodes' },
          { value: 'sum', label: 'Sum of nodes' },
          { value: 'global', label: 'Globals' },
        ],
      },
      { key: 'updateLayers', label: 'Layers', about: 'of each update', start: '1' },
      {
        ...{ key: 'norm', slot: 'graphNorm', label: 'Norm', about: 'after each layer', start: 'layer' },
        options: [
          { value: 'layer', label: 'Layer norm' },
          { value: 'none', label: 'None' },
        ],
      },
      {
        ...{ key: 'residual', label: 'Residual', about: 'updates add to the state', start: 'on' },
        options: onOff,
      },
    ],
  },
  'deep-linear': {
    name: 'Deep linear net',
    about: 'Reads images, tables or graphs, without activations: where reduce is exact.',
    fields: [
      {
        ...{ key: 'hidden', label: 'Hidden widths', start: '64, 64', isList: true },
        about: 'a number for each hidden layer; no activations',
      },
      {
        ...{ key: 'sharing', label: 'Sharing', about: 'of the weights in an image', start: 'patches' },
        options: [
          { value: 'none', label: 'None' },
          { value: 'patches', label: 'Patches, then their mean' },
        ],
      },
      { key: 'patch', label: 'Patch', about: 'side in pixels', start: '2' },
    ],
  },
};

/** In the order in which the form lists them. */
export const modelKinds = Object.keys(models) as [ModelKind, ...ModelKind[]];

/** The kinds of models, in the order in which the form lists them; those of `blind` say that they cannot read `data`. */
export function modelOptions(data: DatasetKind | undefined, blind: readonly ModelKind[]): Option[] {
  return modelKinds.map((kind) => ({
    value: kind,
    label: data && blind.includes(kind) ? `${models[kind].name} (cannot read ${data})` : models[kind].name,
  }));
}

/** What a model reads and is, in a sentence. */
export function aboutModel(kind: ModelKind): string {
  return models[kind].about;
}

export function fieldsOfModel(kind: ModelKind): readonly ModelField[] {
  return models[kind].fields;
}

export function slotOf({ slot, key }: ModelField): string {
  return slot ?? key;
}

/** The texts of all models' fields before anybody touches them; a slot that several share starts as the first has it. */
export const modelStart: SettingTexts = Object.fromEntries(
  modelKinds
    .flatMap((kind) => models[kind].fields.map((field): [string, string] => [slotOf(field), field.start]))
    .reverse(),
);

/** A model's settings as the texts of its fields. */
export function modelTexts({ kind, ...settings }: ModelSpec): SettingTexts {
  const own = texts(settings);
  return Object.fromEntries(models[kind].fields.map((field) => [slotOf(field), own[field.key] ?? '']));
}

/** The sizes that a model is usually taken in. */
export function sizesOf(kind: ModelKind): Option[] {
  return modelPresets
    .filter(({ model }) => model.kind === kind)
    .map(({ id, name }) => ({ value: id, label: name }));
}

/** The size that a model's fields have; empty where they have none of them. */
export function sizeOf(kind: ModelKind, values: SettingTexts): string {
  const has = (size: SettingTexts) => Object.entries(size).every(([slot, text]) => values[slot] === text);
  return sizesOf(kind).find(({ value }) => has(textsOfSize(value)))?.value ?? '';
}

/** The texts of the fields of a size; none for an unknown one. */
export function textsOfSize(id: string): SettingTexts {
  const preset = findModelPreset(id);
  return preset ? modelTexts(preset.model) : {};
}
