/** `kronlab explain`: what a run's step compiles to on this machine, without training it. */
import { resolve } from 'node:path';
import { describeOptimizer } from '../../contract/describe-optimizer.ts';
import { KronlabError } from '../../contract/errors.ts';
import { findModelPreset, modelPresets } from '../../contract/model-presets.ts';
import { presets } from '../../contract/presets.ts';
import { optimizerSpecSchema, type DatasetSpec, type RunSpec } from '../../contract/run-spec.ts';
import { bundledDirectory } from '../../datasets/node/bundled.ts';
import { loadDataset } from '../../datasets/node/load.ts';
import type { Command } from '../command.ts';
import { datasetFolder } from '../dataset-folder.ts';
import { explainLines } from '../explain/explain-text.ts';
import { openNodeContext } from '../gpu.ts';
import { readCount, readOptions, required } from '../options.ts';
import { planFromNameOrFile, requireDatasets } from '../plan.ts';

const options = {
  json: { type: 'boolean' },
  batch: { type: 'string' },
  steps: { type: 'string' },
  recompute: { type: 'boolean' },
  db: { type: 'string' },
} as const;

/** What models are explained with. */
const modelOptimizers = [
  { name: 'adamw', lr: 0.001 },
  { name: 'kfac', lr: 0.001, flavour: 'expand' },
  { name: 'kfac', lr: 0.001, flavour: 'reduce' },
].map((settings) => {
  const optimizer = optimizerSpecSchema.parse(settings);
  return { group: describeOptimizer(optimizer), optimizer };
});

export const explainCommand: Command = {
  name: 'explain',
  summary: 'show the layers, kernels, FLOPs and memory of a training step',
  help: `kronlab explain SPEC [options]

Compiles every optimiser of SPEC on this machine's adapter and prints, for one training step, the operations, the
kernels they became, dispatches, FLOPs, and the bytes planned for intermediate tensors beside the largest live set;
before that the layers, with the cost of their factors and the flavour each gets.
SPEC is a preset (${Object.keys(presets).join(', ')}), a comparison file as for "compare --spec", a JSON file
with the settings of one run, or one of these models, over made-up data with AdamW and with K-FAC:
${listedModels()}

  --json       an array with one object per optimiser, on stdout
  --batch N    models: examples in a batch
  --steps N    models: also run so many steps, with all that K-FAC does in each, and time them; default: 0
  --recompute  with activations made again in the backward pass instead of being kept, for less memory
  --db FILE    the database whose imported data sets are meant, where it is not the app's own`,

  async run(args, { terminal }) {
    const { positionals, values } = readOptions('explain', args, options, 1);
    const name = required('explain', 'SPEC', positionals[0], 'first-light');
    const preset = findModelPreset(name);
    const count = (option: '--batch' | '--steps', text: string | undefined, otherwise: number): number => {
      if (text === undefined) return otherwise;
      if (preset) return readCount(option, text);
      throw new KronlabError('invalid', `${option} is for models such as vit-small; ${name} is none`);
    };
    const batch = count('--batch', values.batch, preset?.batch ?? 0);
    const steps = count('--steps', values.steps, 0);
    const plan = preset
      ? null
      : await planFromNameOrFile(Object.hasOwn(presets, name) ? name : resolve(name));
    const imported = datasetFolder(values.db);
    if (plan) await requireDatasets(plan, imported);
    const load = onceFor((dataset: DatasetSpec) => loadDataset(dataset, bundledDirectory, imported));
    const gpu = await openNodeContext();
    // Loaded here and not above: the engine is large, and most commands do without it.
    const { explainModel, explainSpec } = await import('../explain/explain-program.ts');
    const groups = [];
    const { recompute = false } = values;
    for (const { name: group, spec } of plan?.groups ?? []) {
      const own: RunSpec = recompute ? { ...spec, recompute: 'always' } : spec;
      groups.push(await explainSpec(gpu, group, own, await load(spec.dataset)));
    }
    for (const { group, optimizer } of modelOptimizers) {
      if (!preset) break;
      groups.push(
        await explainModel(gpu, `${name}, ${group}`, { ...preset, batch }, optimizer, { steps, recompute }),
      );
    }
    if (values.json) terminal.out(`${JSON.stringify(groups, null, 2)}\n`);
    else terminal.out(`${groups.flatMap(explainLines).join('\n')}\n`);
    gpu.device.destroy();
    return 0;
  },
};

/** The same, but what was loaded for one group serves the next. */
function onceFor<T>(load: (dataset: DatasetSpec) => Promise<T>): (dataset: DatasetSpec) => Promise<T> {
  const loaded = new Map<string, Promise<T>>();
  return (dataset) => {
    const key = JSON.stringify(dataset);
    const known = loaded.get(key) ?? load(dataset);
    loaded.set(key, known);
    return known;
  };
}

/** Ids of models, a kind a line. */
function listedModels(): string {
  const kinds = [...new Set(modelPresets.map(({ model }) => model.kind))];
  const idsOf = (kind: string) => modelPresets.filter(({ model }) => model.kind === kind).map(({ id }) => id);
  return kinds.map((kind) => `  ${idsOf(kind).join(', ')}`).join('\n');
}
