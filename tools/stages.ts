/**
 * The checks of `npm test` as data: what runs, and how many checks it was worth. Stages that have their own reports
 * are counted from them; a stage that counts for one check has passed when its command has.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeArguments } from './node24.mjs';

export interface Outcome {
  /** Exit code of the stage's command; null when it was killed or could not start. */
  code: number | null;
  /** Everything the command printed. */
  output: string;
}

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Stage {
  name: string;
  /** Arguments for Node 24. */
  args: readonly string[];
  /** Throws away reports of an earlier run, which must not be counted again. */
  prepare?: () => void;
  tally: (outcome: Outcome) => Tally;
}

/** One check: the command itself. */
export const commandTally = ({ code }: Outcome): Tally =>
  code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };

/** A report is trusted only as far as the exit code agrees, and a report without tests is a failure. */
export function agree(tally: Tally, { code }: Outcome): Tally {
  const nothingRan = tally.passed + tally.failed === 0;
  return tally.failed === 0 && (code !== 0 || nothingRan) ? { ...tally, failed: 1 } : tally;
}

/** Reads `N passed, N failed`, the last such line of the output; none at all counts as a failure. */
export function printedTally(outcome: Outcome): Tally {
  const last = [...outcome.output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  return agree({ passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? 0), skipped: 0 }, outcome);
}

/** Vitest's JSON report: tests, and files that failed before they could offer a test. */
export function vitestTally(report: string, outcome: Outcome): Tally {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    report,
  ) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    testResults: { status: string; assertionResults: unknown[] }[];
  };
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const tally = {
    passed: numPassedTests,
    failed: numFailedTests + broken,
    skipped: numPendingTests + numTodoTests,
  };
  return agree(tally, outcome);
}

/** Playwright's JSON report; a test that needed a second try has not passed. */
export function playwrightTally(report: string, outcome: Outcome): Tally {
  const { stats } = JSON.parse(report) as {
    stats: { expected: number; unexpected: number; flaky: number; skipped: number };
  };
  return agree(
    { passed: stats.expected, failed: stats.unexpected + stats.flaky, skipped: stats.skipped },
    outcome,
  );
}

/** Counts from a report file; a missing one means that the stage broke before it could write it. */
function fromReport(
  file: string,
  tally: (report: string, outcome: Outcome) => Tally,
): Pick<Stage, 'prepare' | 'tally'> {
  return {
    prepare: () => rmSync(file, { force: true }),
    tally: (outcome) =>
      existsSync(file) ? tally(readFileSync(file, 'utf8'), outcome) : { passed: 0, failed: 1, skipped: 0 },
  };
}

export function stages(root: string): Stage[] {
  const bin = (path: string) => join(root, 'node_modules', path);
  const vitestReport = join(root, 'out', 'test', 'vitest.json');
  const playwrightReport = join(root, 'out', 'test', 'playwright.json');
  return [
    { name: 'lint', args: [bin('eslint/bin/eslint.js'), '.'], tally: commandTally },
    { name: 'format', args: [bin('prettier/bin/prettier.cjs'), '--check', '.'], tally: commandTally },
    { name: 'types', args: [bin('typescript/bin/tsc'), '--noEmit', '-p', '.'], tally: commandTally },
    {
      name: 'svelte types',
      args: [bin('svelte-check/bin/svelte-check'), '--tsconfig', './tsconfig.json', '--fail-on-warnings'],
      tally: commandTally,
    },
    {
      name: 'unit, GPU and contract tests',
      args: [
        bin('vitest/vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${vitestReport}`,
      ],
      ...fromReport(vitestReport, vitestTally),
    },
    {
      name: 'build',
      args: [bin('electron-vite/bin/electron-vite.js'), 'build', '--logLevel', 'warn'],
      tally: commandTally,
    },
    { name: 'goldens', args: nodeArguments('cli/main.ts', ['goldens']), tally: printedTally },
    {
      name: 'end to end',
      args: [bin('@playwright/test/cli.js'), 'test'],
      ...fromReport(playwrightReport, playwrightTally),
    },
  ];
}
