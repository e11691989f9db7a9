import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { trials } from '../../contract/test-trials.ts';
import type { MetricSummary } from '../../contract/runs.ts';
import { append, insertRun, openTestStore } from '../test-store.ts';

describe('metric rows', () => {
  it('come back bit for bit, numbers or not', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    const values = [0.1 + 0.2, NaN, Infinity, -Infinity, 5e-324, 0, 1.7976931348623157e308, 3];
    append(
      store,
      'a',
      values.map((value, step) => ['train.loss', step, value]),
    );
    expect(store.metrics.series('a', 'train.loss')).toEqual({
      runId: 'a',
      key: 'train.loss',
      steps: values.map((_, i) => i),
      activeMs: values.map((_, i) => i * 2),
      wallMs: values.map((_, i) => i * 3),
      values,
    });
  });

  it('are the same after the same batch arrived again', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    const rows = [1, 2, 3].map((step) => ['val.loss', step, 1 / step] as const);
    append(store, 'a', rows);
    const before = [store.metrics.series('a', 'val.loss'), store.runs.get('a')];
    append(store, 'a', rows);
    expect([store.metrics.series('a', 'val.loss'), store.runs.get('a')]).toEqual(before);
  });

  it('of one run do not show in another, nor of one key in another', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    insertRun(store, 'b');
    append(store, 'a', [['val.loss', 1, 2]]);
    expect(store.metrics.series('b', 'val.loss').steps).toEqual([]);
    expect(store.metrics.series('a', 'train.loss').steps).toEqual([]);
    expect(store.runs.get('b')?.metrics).toEqual([]);
  });
});

describe('summaries', () => {
  it('equal a count over what the rows say, however the rows came in', () => {
    const value = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.constantFrom(NaN, Infinity, -Infinity),
      // SQLite keeps whole reals as integers, which know no minus zero.
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((v) => v + 0),
    );
    const row = fc.tuple(fc.constantFrom('train.loss' as const, 'val.loss' as const), fc.nat(12), value);
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 8 }), { maxLength: 6 }), (batches) => {
        const store = openTestStore();
        insertRun(store, 'a');
        for (const rows of batches) append(store, 'a', rows);
        for (const key of ['train.loss', 'val.loss'] as const) {
          // The last word on a step wins.
          const rows = new Map(
            batches
              .flat()
              .filter(([k]) => k === key)
              .map(([, step, v]) => [step, v]),
          );
          const found = store.runs.get('a')?.metrics.find((m) => m.key === key);
          expect(found).toEqual(rows.size === 0 ? undefined : { key, ...recount(rows) });
        }
        store.close();
      }),
      trials(60),
    );
  });
});

/** By sorting, where the store compares as it goes. */
function recount(rows: Map<number, number>): Omit<MetricSummary, 'key'> {
  const steps = [...rows.keys()].sort((a, b) => a - b);
  const at = (step: number) => rows.get(step) ?? NaN;
  const finite = steps.filter((step) => Number.isFinite(at(step)));
  const odd = steps.filter((step) => !Number.isFinite(at(step)));
  const ascending = [...finite].sort((a, b) => at(a) - at(b) || a - b);
  const descending = [...finite].sort((a, b) => at(b) - at(a) || a - b);
  const value = (step: number | undefined) => (step === undefined ? null : at(step));
  const lastStep = steps.at(-1) ?? 0;
  return {
    n: rows.size,
    last: finite.includes(lastStep) ? at(lastStep) : null,
    lastStep,
    min: value(ascending[0]),
    minStep: ascending[0] ?? null,
    max: value(descending[0]),
    maxStep: descending[0] ?? null,
    nonfiniteCount: odd.length,
    firstNonfiniteStep: odd[0] ?? null,
  };
}
