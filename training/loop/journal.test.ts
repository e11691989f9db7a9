/** Nothing a run writes down may be lost or handed on twice. */
import { describe, expect, it } from 'vitest';
import { metricBatchSchema, runEventSchema } from '../../contract/runs.ts';
import { Journal } from './journal.ts';

describe('Journal', () => {
  it('has nothing to hand on at first', () => {
    expect(new Journal().take()).toBeNull();
  });

  it('hands rows and events on once, in the order they were written', () => {
    const journal = new Journal();
    journal.add('train.loss', 1, { activeMs: 2, wallMs: 3 }, 0.5);
    journal.event(1, 'warning', 'pivot-failed', 'A of head: pivot failed');
    journal.add('val.accuracy', 2, { activeMs: 4, wallMs: 5 }, 0.25);
    const taken = journal.take();
    expect(taken?.metrics).toEqual({
      keys: ['train.loss', 'val.accuracy'],
      steps: [1, 2],
      activeMs: [2, 4],
      wallMs: [3, 5],
      values: [0.5, 0.25],
    });
    expect(taken?.events).toMatchObject([
      { step: 1, level: 'warning', code: 'pivot-failed', text: 'A of head: pivot failed' },
    ]);
    expect(journal.take()).toBeNull();
  });

  it('leaves what was handed on alone when more is written', () => {
    const journal = new Journal();
    journal.add('train.lr', 1, { activeMs: 0, wallMs: 0 }, 0.1);
    const first = journal.take();
    journal.add('train.lr', 2, { activeMs: 1, wallMs: 1 }, 0.2);
    expect(first?.metrics.steps).toEqual([1]);
    expect(journal.take()?.metrics.steps).toEqual([2]);
  });

  it('hands on an event without rows, and rows without an event', () => {
    const journal = new Journal();
    journal.event(0, 'info', 'started', 'Started');
    expect(journal.take()?.metrics.keys).toEqual([]);
    journal.add('train.loss', 1, { activeMs: 0, wallMs: 0 }, 1);
    expect(journal.take()?.events).toEqual([]);
  });

  it('keeps values that are not finite, and fits the contract', () => {
    const journal = new Journal();
    const values = [NaN, Infinity, -Infinity];
    values.forEach((value, i) => journal.add('train.loss', i, { activeMs: i, wallMs: i }, value));
    const before = Date.now();
    journal.event(2, 'error', 'diverged', 'Loss became non-finite at step 2');
    const taken = journal.take();
    expect(metricBatchSchema.parse(taken?.metrics).values).toEqual(values);
    const event = runEventSchema.parse(taken?.events[0]);
    expect(event.atMs).toBeGreaterThanOrEqual(before);
    expect(event.atMs).toBeLessThanOrEqual(Date.now());
  });
});
