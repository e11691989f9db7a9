/** `kronlab help`: what there is, and one command in full. */
import { KronlabError } from '../../contract/errors.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Command } from '../command.ts';

export function helpCommand(others: readonly Command[]): Command {
  const help: Command = {
    name: 'help',
    summary: 'this text, or the help of one command',
    help: 'kronlab help [COMMAND]',
    run(args, { terminal }) {
      const [name] = args;
      if (name === undefined) {
        terminal.out(`${overview([...others, help])}\n`);
        return Promise.resolve(0);
      }
      const command = [...others, help].find((candidate) => candidate.name === name);
      if (command === undefined) return Promise.reject(unknownCommand(name, [...others, help]));
      terminal.out(`${command.help}\n`);
      return Promise.resolve(0);
    },
  };
  return help;
}

export function unknownCommand(name: string, commands: readonly Command[]): KronlabError {
  return new KronlabError(
    'invalid',
    `unknown command "${name}"; the commands are ${commands.map((c) => c.name).join(', ')}`,
  );
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    `kronlab ${packageJson.version}: second-order training compared on the GPU you own`,
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'See "kronlab help COMMAND" for the options of one command. From a clone: npm run kronlab -- COMMAND',
  ].join('\n');
}
