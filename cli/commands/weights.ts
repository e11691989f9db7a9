/** `kronlab weights`: trains one run for the model it makes, which goes out as a safetensors file. */
import { basename, dirname, resolve } from 'node:path';
import { KronlabError } from '../../contract/errors.ts';
import { presets } from '../../contract/presets.ts';
import { defaultLimits } from '../../datasets/import/limits.ts';
import { openSources } from '../../datasets/node/sources.ts';
import { formatCount, formatDuration } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { datasetFolder } from '../dataset-folder.ts';
import { readCount, readOptions, readWholeNumbers, required } from '../options.ts';
import { prepareOutFolder, writeFiles } from '../out-folder.ts';
import { changePlan, planFromNameOrFile, requireDatasets, type ComparisonPlan } from '../plan.ts';
import { StopControl } from '../train-run.ts';

export const weightsCommand: Command = {
  name: 'weights',
  summary: 'train a model and write its weights, or go on from given ones',
  help: `kronlab weights SPEC --out FILE [options]

Trains one run and writes the model's weights to FILE in safetensors format, named as the PyTorch modules in
docs/models.md. Nothing is stored in the database. SPEC is a preset (${Object.keys(presets).join(', ')}), a
comparison file as for "compare --spec", or a JSON file with the settings of one run.

  --out FILE      where the weights go, e.g. net.safetensors
  --start FILE    weights to start from; names, shapes and types must fit the model
  --group NAME    which group of SPEC to train; default: the first
  --seed N        another seed
  --steps N       another budget
  --db FILE       the database whose imported data sets are meant, where it is not the app's own`,

  async run(args, { terminal, createTrainer }) {
    const { positionals, values } = readOptions(
      'weights',
      args,
      {
        out: { type: 'string' },
        start: { type: 'string' },
        group: { type: 'string' },
        seed: { type: 'string' },
        steps: { type: 'string' },
        db: { type: 'string' },
      },
      1,
    );
    const name = required('weights', 'SPEC', positionals[0], 'first-light');
    const out = resolve(required('weights', '--out', values.out, 'net.safetensors'));
    const plan = changePlan(await planFromNameOrFile(Object.hasOwn(presets, name) ? name : resolve(name)), {
      steps: values.steps === undefined ? undefined : readCount('--steps', values.steps),
    });
    const imported = datasetFolder(values.db);
    await requireDatasets(plan, imported);
    const [seed = plan.seeds[0] ?? 0] =
      values.seed === undefined ? [] : readWholeNumbers('--seed', values.seed);
    const spec = { ...groupOf(plan, values.group).spec, seed };
    const start = values.start === undefined ? null : await startOf(resolve(values.start));
    await prepareOutFolder(dirname(out));
    const trainer = await createTrainer({
      imported,
      weights: {
        ...(start && { start }),
        keep: async (pieces) => {
          await writeFiles(dirname(out), [{ name: basename(out), content: pieces }]);
        },
      },
    });
    const control = new StopControl();
    const stopListening = terminal.onInterrupt(() => control.stop());
    try {
      const quiet = { started: () => undefined, progress: () => undefined, append: () => undefined };
      const { status, lastStep, activeMs } = await trainer.train(spec, quiet, control);
      terminal.out(
        `Wrote ${out}: ${status} after ${formatCount(lastStep)} steps in ${formatDuration(activeMs / 1000)}\n`,
      );
    } finally {
      stopListening();
      trainer.dispose();
    }
    return 0;
  },
};

async function startOf(path: string) {
  const [source, ...more] = await openSources(path, defaultLimits);
  if (source && more.length === 0) return source;
  throw new KronlabError('invalid', `--start: ${path} is a folder; give one safetensors file`);
}

function groupOf({ groups }: ComparisonPlan, name: string | undefined) {
  const group = name === undefined ? groups[0] : groups.find((candidate) => candidate.name === name);
  if (group) return group;
  const known = groups.map((candidate) => candidate.name).join(', ');
  throw new KronlabError('not-found', `--group: no group is called "${name ?? ''}"; the groups are ${known}`);
}
