import { describe, expect, it } from 'vitest';
import { existsSync } from 'node:fs';
import { projectRoot } from './setup.mjs';
import { commandTally, playwrightTally, printedTally, stages, vitestTally } from './stages.ts';

const outcome = (code: number | null, output = '') => ({ code, output });

describe('counting', () => {
  it('counts a command as one check', () => {
    expect(commandTally(outcome(0))).toEqual({ passed: 1, failed: 0, skipped: 0 });
    expect(commandTally(outcome(2))).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(commandTally(outcome(null))).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('reads the last printed sum, and takes silence or a bad exit code for a failure', () => {
    expect(printedTally(outcome(0, '1 passed, 0 failed\n12 passed, 0 failed\n'))).toMatchObject({
      passed: 12,
      failed: 0,
    });
    expect(printedTally(outcome(1, '11 passed, 2 failed\n'))).toMatchObject({ passed: 11, failed: 2 });
    expect(printedTally(outcome(1, '11 passed, 0 failed\n'))).toMatchObject({ passed: 11, failed: 1 });
    expect(printedTally(outcome(0, ''))).toMatchObject({ passed: 0, failed: 1 });
    expect(printedTally(outcome(0, '0 passed, 0 failed'))).toMatchObject({ failed: 1 });
  });

  it('counts a test file that could not be loaded', () => {
    const report = JSON.stringify({
      numPassedTests: 3,
      numFailedTests: 1,
      numPendingTests: 2,
      numTodoTests: 0,
      testResults: [
        { status: 'failed', assertionResults: [] },
        { status: 'failed', assertionResults: [{}] },
        { status: 'passed', assertionResults: [{}, {}, {}] },
      ],
    });
    expect(vitestTally(report, outcome(1))).toEqual({ passed: 3, failed: 2, skipped: 2 });
  });

  it('counts a test that needed a second try as failed', () => {
    const report = JSON.stringify({ stats: { expected: 4, unexpected: 1, flaky: 1, skipped: 0 } });
    expect(playwrightTally(report, outcome(1))).toEqual({ passed: 4, failed: 2, skipped: 0 });
  });

  it('does not take an empty report for success', () => {
    const report = JSON.stringify({ stats: { expected: 0, unexpected: 0, flaky: 0, skipped: 0 } });
    expect(playwrightTally(report, outcome(0))).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('stages', () => {
  it('run tools that are there', () => {
    for (const { name, args } of stages(projectRoot)) {
      const script = args.find((arg) => arg.includes('node_modules'));
      if (script !== undefined) expect(existsSync(script), `${name}: ${script}`).toBe(true);
    }
  });
});
