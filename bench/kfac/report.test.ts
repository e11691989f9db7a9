import { describe, expect, it } from 'vitest';
import { describeKfac, kfacTargets } from './report.ts';
import type { KfacRow } from './row.ts';

const row = (name: string, ours: number, more: Partial<KfacRow> = {}): KfacRow => ({
  ...{ name, adapter: 'Test adapter', ours_ms: ours, reference_ms: 10, ratio: ours / 10, phases: {} },
  ...more,
});

describe('targets of the curvature benchmark', () => {
  it('hold reduce against expand', () => {
    expect(kfacTargets(row('factors-vit', 3))).toEqual([{ text: '<= 0.33x', isMet: true }]);
    expect(kfacTargets(row('factors-vit', 4))).toEqual([{ text: '<= 0.33x', isMet: false }]);
  });

  it('hold steps against AdamW and their worst against the median', () => {
    const found = kfacTargets(row('step-vit-reduce', 12.5, { worst_over_median: 3.5 }));
    expect(found).toEqual([
      { text: '<= 1.2x', isMet: false },
      { text: 'worst step 3.50x <= 3x the median', isMet: false },
    ]);
  });

  it('say nothing of growth', () => {
    expect(kfacTargets(row('growth R=16 D=64 batch=64', 99))).toEqual([]);
  });
});

it('prints a line a row, with phases and theory', () => {
  const text = describeKfac([
    row('step-vit-reduce', 11, { phases: { forward: 4, backward: 6 }, worst_over_median: 2 }),
    row('growth R=16 D=64 batch=64', 2, { theory: 0.078 }),
  ]);
  expect(text).toContain('adapter: Test adapter');
  expect(text).toMatch(/step-vit-reduce .*1\.100x .*<= 1\.2x met .*\(forward 4\.00, backward 6\.00\)/);
  expect(text).toMatch(/growth R=16 D=64 batch=64 .*0\.200x .*theory 0\.078x/);
});
