/** The command line's entry: `npm run kronlab -- COMMAND`. */
import { createNodeTrainer } from './gpu.ts';
import { runCli } from './run-cli.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: processTerminal(),
  createTrainer: createNodeTrainer,
  now: Date.now,
});
