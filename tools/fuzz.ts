/** `npm run fuzz [COUNT [TITLE]]`: so many damaged files of each format, new ones every time, or of the formats so titled. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './setup.mjs';

const [count = '10000', title = ''] = process.argv.slice(2);
const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
const child = spawn(
  process.execPath,
  [vitest, 'run', 'datasets/import/fuzz.test.ts', ...(title === '' ? [] : ['-t', title])],
  { cwd: projectRoot, stdio: 'inherit', env: { ...process.env, KRONLAB_FUZZ: count } },
);
child.once('close', (code) => (process.exitCode = code ?? 1));
