import { describe, expect, it } from 'vitest';
import type { TrainingProgress } from '../contract/training.ts';
import { ProgressView } from './progress-view.ts';
import { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';

const at = (step: number, steps = 100): TrainingProgress => ({
  state: 'training',
  step,
  steps,
  activeMs: 0,
  stepMs: null,
  stepMsSpread: null,
  phaseMs: {},
});

function clocked(groups: string[]) {
  const clock = { ms: 0 };
  const progress = new Progress(
    groups.map((group) => ({ group, steps: 100 })),
    () => clock.ms,
  );
  const run = (ms: number) => {
    progress.startRun();
    clock.ms += ms;
    progress.endRun();
  };
  return { clock, progress, run };
}

describe('Progress', () => {
  it('knows nothing before the first run has a pace', () => {
    const { clock, progress } = clocked(['a', 'b']);
    expect(progress.remainingMs).toBeNull();
    progress.startRun();
    clock.ms = 500;
    progress.report(at(5));
    expect(progress.remainingMs).toBeNull();
    clock.ms = 2000;
    progress.report(at(20));
    expect(progress.remainingMs).toBe(8000 + 10_000);
    expect(progress.fraction).toBe(0.1);
  });

  it('expects a run to take as long as the finished ones of its group', () => {
    const { progress, run } = clocked(['a', 'b', 'a', 'b']);
    run(10_000);
    run(30_000);
    expect(progress.remainingMs).toBe(40_000);
    run(20_000);
    expect(progress.remainingMs).toBe(30_000);
    run(1000);
    expect(progress.remainingMs).toBe(0);
    expect(progress.fraction).toBe(1);
  });
});

describe('ProgressView', () => {
  function drawn(live: boolean) {
    const { clock, progress, run } = clocked(['a', 'b']);
    let text = '';
    const terminal: Terminal = {
      out: () => undefined,
      err: (more) => void (text += more),
      live,
      columns: 40,
      onInterrupt: () => () => undefined,
    };
    const view = new ProgressView(terminal, progress, () => clock.ms);
    run(4000);
    view.update('step 1', () => ['table']);
    view.update('too soon', () => ['table']);
    view.note('ended');
    view.erase();
    return text;
  }

  it('writes plain lines, and few of them, where nothing can be redrawn', () => {
    expect(drawn(false)).toBe('1 of 2 runs · 50 % · about 4.0 s left · step 1\nended\n');
  });

  it('redraws in a terminal and leaves only what stays', () => {
    const text = drawn(true);
    expect(text).toContain('██████████████░░░░░░░░░░░░░░');
    expect(text).not.toContain('too soon');
    expect(text.endsWith('\u001b[3A\u001b[0Jended\n')).toBe(true);
    for (const line of text.split('\n')) expect(Array.from(line).length).toBeLessThan(60);
  });
});

describe('textTable', () => {
  it('aligns columns and leaves no space at the ends', () => {
    const columns = [
      { head: 'Name', align: 'left' },
      { head: 'Steps', align: 'right' },
    ] as const;
    expect(
      textTable(columns, [
        ['a', '5'],
        ['long name', '1 000'],
      ]),
    ).toEqual(['Name       Steps', '─────────  ─────', 'a              5', 'long name  1 000']);
  });
});
