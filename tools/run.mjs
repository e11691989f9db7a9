// `node tools/run.mjs cli/main.ts runs list`: any entry point of the project, set up first and on the right Node.
import { command } from './node24.mjs';

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) {
  console.error('Say which file to run, from the project root: node tools/run.mjs cli/main.ts --help');
  process.exitCode = 1;
} else {
  await command(entry, args);
}
