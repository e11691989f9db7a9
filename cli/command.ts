/** What every command is: a name, its help, and an answer as an exit code. */
import type { TrainerFactory } from './gpu.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  terminal: Terminal;
  createTrainer: TrainerFactory;
  /** Milliseconds since the epoch. */
  now: () => number;
}

export interface Command {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** The whole help. */
  help: string;
  /** Answers the exit code. Throws `KronlabError` for everything that a person should read as one line. */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}
