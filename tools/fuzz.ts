/**
 * Random inputs, new ones every time.
 *
 * `npm run fuzz [COUNT [TITLE]]`: so many damaged files of each format, or of the formats so titled.
 * `npm run fuzz properties [FACTOR [PLACE]]`: so many times the cases that `npm test` tries of every property test, or of
 * those in a folder or file.
 */
import { spawn } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './setup.mjs';

function files([count = '10000', title = '']: string[]) {
  const chosen = title === '' ? [] : ['-t', title];
  return {
    arguments: ['datasets/import/fuzz.test.ts', ...chosen],
    environment: { KRONLAB_FUZZ: atLeastOne(count) },
  };
}

function properties([factor = '50', place = '.']: string[]) {
  const tests = globSync(place.endsWith('.ts') ? place : join(place, '**/*.test.ts'), {
    cwd: projectRoot,
    exclude: ['node_modules/**'],
  });
  const chosen = tests.filter((path) => readFileSync(join(projectRoot, path), 'utf8').includes('trials('));
  if (chosen.length === 0)
    throw new Error(`${place}: no property test there; give a folder or file of the project`);
  return {
    arguments: ['--testTimeout', '3600000', ...chosen],
    environment: { KRONLAB_TRIALS: atLeastOne(factor) },
  };
}

/** What is no number would try nothing and pass. */
function atLeastOne(text: string): string {
  if (Number.isInteger(Number(text)) && Number(text) >= 1) return text;
  throw new Error(`${text}: how many is a whole number from 1; what to try comes after it`);
}

const [first, ...rest] = process.argv.slice(2);
const chosen = first === 'properties' ? properties(rest) : files(first === undefined ? [] : [first, ...rest]);
const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', ...chosen.arguments], {
  cwd: projectRoot,
  stdio: 'inherit',
  env: { ...process.env, ...chosen.environment },
});
child.once('close', (code) => (process.exitCode = code ?? 1));
