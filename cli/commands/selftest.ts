/** `kronlab selftest`: which adapter this machine offers, and whether the engine computes rightly on it. */
import type { AdapterReport } from '../../contract/training.ts';
import { formatCount } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { readOptions } from '../options.ts';
import { ownGoldens } from './goldens.ts';

export const selftestCommand: Command = {
  name: 'selftest',
  summary: 'report the GPU adapter and check the engine on it',
  help: `kronlab selftest

Prints the adapter as found, then runs the goldens on it. Exit code 1 where a check fails.`,

  async run(args, { terminal, createTrainer }) {
    readOptions('selftest', args, {});
    const trainer = await createTrainer();
    terminal.out(`${adapterLines(trainer.adapter).join('\n')}\n\n`);
    trainer.dispose();
    const { runGoldens } = await import('../goldens/run-goldens.ts');
    const { failed } = await runGoldens(ownGoldens, (line) => terminal.out(`${line}\n`));
    return failed === 0 ? 0 : 1;
  },
};

function adapterLines({ environment, features, limits, subgroupSize }: AdapterReport): string[] {
  const names = Object.keys(limits);
  const width = Math.max(12, ...names.map((name) => name.length));
  const row = (name: string, value: string) => `${name.padEnd(width)}  ${value}`;
  return [
    row('adapter', environment.adapter),
    ...(environment.software ? [row('', "a software adapter: results are right, times are a CPU's")] : []),
    row('vendor', environment.vendor || 'not told'),
    row('architecture', environment.architecture || 'not told'),
    row('host', environment.host),
    row('subgroup size', subgroupSize === null ? 'no subgroups' : String(subgroupSize)),
    row('features', features.join(', ') || 'none'),
    ...names.map((name) => row(name, formatCount(limits[name] ?? 0))),
  ];
}
