/** `kronlab goldens`: the engine on this machine's adapter against float64 fixtures. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KronlabError } from '../../contract/errors.ts';
import type { Command } from '../command.ts';
import { readOptions } from '../options.ts';

/** The project's own fixtures. */
export const ownGoldens = fileURLToPath(new URL('../../goldens', import.meta.url));

export const goldensCommand: Command = {
  name: 'goldens',
  summary: 'check the engine against float64 fixtures',
  help: `kronlab goldens [DIR]

Builds the net of every fixture in DIR (default: the project's own), runs it on the GPU, and compares
values, gradients, curvature and training trajectories. One line a file; ends in "N passed, N failed".
A file that is not recognised, in whole or in part, has failed. Exit code 1 where one has.`,

  async run(args, { terminal }) {
    const { positionals } = readOptions('goldens', args, {}, 1);
    const directory = positionals[0] === undefined ? ownGoldens : resolve(positionals[0]);
    await requireFolder(directory);
    // Loaded here and not above: the engine is large, and most commands do without it.
    const { runGoldens } = await import('../goldens/run-goldens.ts');
    const { failed } = await runGoldens(directory, (line) => terminal.out(`${line}\n`));
    return failed === 0 ? 0 : 1;
  },
};

async function requireFolder(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => null);
  if (found?.isDirectory() !== true)
    throw new KronlabError('not-found', `goldens: there is no folder ${directory}`);
}
