/** Chooses the command and turns every failure into one readable line and an exit code. */
import { KronlabError } from '../contract/errors.ts';
import type { Command, CommandContext } from './command.ts';
import { compareCommand } from './commands/compare.ts';
import { exactnessCommand } from './commands/exactness.ts';
import { explainCommand } from './commands/explain.ts';
import { exportCommand } from './commands/export.ts';
import { goldensCommand } from './commands/goldens.ts';
import { helpCommand, unknownCommand } from './commands/help.ts';
import { importCommand } from './commands/import.ts';
import { runsCommand } from './commands/runs.ts';
import { selftestCommand } from './commands/selftest.ts';
import { weightsCommand } from './commands/weights.ts';

const working: readonly Command[] = [
  compareCommand,
  runsCommand,
  exportCommand,
  importCommand,
  weightsCommand,
  exactnessCommand,
  explainCommand,
  selftestCommand,
  goldensCommand,
];
const help = helpCommand(working);
const commands: readonly Command[] = [...working, help];

/** Answers the exit code: 0, 1 for a failure, 2 for a command line that cannot be understood, 130 after Ctrl C. */
export async function runCli(args: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h') return await help.run([], context);
    const command = commands.find((candidate) => candidate.name === name);
    if (command === undefined) throw unknownCommand(name, commands);
    if (rest.includes('--help') || rest.includes('-h')) return await help.run([name], context);
    return await command.run(rest, context);
  } catch (error) {
    const failure = KronlabError.from(error);
    context.terminal.err(`kronlab: ${oneLine(failure.message)}\n`);
    return failure.code === 'invalid' ? 2 : 1;
  }
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').trim();
}
