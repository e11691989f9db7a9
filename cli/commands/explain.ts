/** `kronlab explain`: what a run's step compiles to on this machine, without training it. */
import { resolve } from 'node:path';
import { presets } from '../../contract/presets.ts';
import { loadDataset } from '../../datasets/node/load.ts';
import type { Command } from '../command.ts';
import { explainLines } from '../explain/explain-text.ts';
import { openNodeContext } from '../gpu.ts';
import { readOptions, required } from '../options.ts';
import { planFromNameOrFile } from '../plan.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'show the kernels, FLOPs and memory of a training step',
  help: `kronlab explain SPEC [--json]

Compiles every optimiser of SPEC on this machine's adapter and prints, for one training step, the operations, the
kernels they became, dispatches, FLOPs, and the bytes planned for intermediate tensors beside the largest live set.
SPEC is a preset (${Object.keys(presets).join(', ')}), a comparison file as for "compare --spec", or a
JSON file with the settings of one run.

  --json   an array with one object per optimiser, on stdout`,

  async run(args, { terminal }) {
    const { positionals, values } = readOptions('explain', args, { json: { type: 'boolean' } }, 1);
    const name = required('explain', 'SPEC', positionals[0], 'first-light');
    const plan = await planFromNameOrFile(Object.hasOwn(presets, name) ? name : resolve(name));
    const gpu = await openNodeContext();
    // Loaded here and not above: the engine is large, and most commands do without it.
    const { explainSpec } = await import('../explain/explain-program.ts');
    const groups = [];
    for (const { name: group, spec } of plan.groups) {
      groups.push(await explainSpec(gpu, group, spec, await loadDataset(spec.dataset)));
    }
    if (values.json) terminal.out(`${JSON.stringify(groups, null, 2)}\n`);
    else terminal.out(`${groups.flatMap(explainLines).join('\n')}\n`);
    gpu.device.destroy();
    return 0;
  },
};
