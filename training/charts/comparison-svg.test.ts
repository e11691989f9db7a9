import { describe, expect, it } from 'vitest';
import { adamw, expand, reduce, testGroup } from '../statistics/test-runs.ts';
import { comparisonSvg } from './comparison-svg.ts';

const slow = testGroup('AdamW', adamw, [
  [0.5, 0.7, 0.8, 0.93],
  [0.5, 0.7, 0.82, 0.94],
  [0.5, 0.7, 0.95, 0.91],
]);
const fast = testGroup(
  'K-FAC <expand> & "co"',
  expand,
  [
    [0.5, 0.94],
    [0.6, 0.95],
    [0.5, 0.96],
  ],
  150,
);
const broken = testGroup('K-FAC reduce', reduce, [
  [0.5, 0.6],
  [0.5, NaN],
  [0.1, 0.2],
]);
const groups = [slow, fast, broken];
const input = {
  runs: groups.flatMap((g) => g.runs),
  series: groups.flatMap((g) => g.series),
  target: { metric: 'val.accuracy', op: '>=', value: 0.93 } as const,
};

/** Tags must close in the order they were opened; throws where they do not. */
function expectWellFormed(xml: string): void {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
    if (selfClosing) continue;
    if (closing) expect(open.pop()).toBe(name);
    else open.push(name!);
  }
  expect(open).toEqual([]);
}

describe('comparisonSvg', () => {
  const svg = comparisonSvg(input);

  it('is well formed, self-contained and described', () => {
    expectWellFormed(svg);
    expect(svg).toMatch(/<title id="title">K-FAC &lt;expand&gt; &amp; &quot;co&quot; reaches 0\.930/);
    expect(svg).toContain('<desc id="desc">Validation accuracy. ');
    expect(svg).not.toMatch(/var\(|href|url\((?!#)|NaN(?! at)|undefined/);
  });

  it('draws one line a group in each chart, bands, marks and the triangle of a diverged run', () => {
    expect(svg.match(/stroke-linejoin="round"/g)).toHaveLength(2);
    expect(svg.match(/fill-opacity="0.13"/g)).toHaveLength(6);
    expect(svg.match(/<circle/g)).toHaveLength(4);
    expect(svg.match(/became NaN at step 20/g)).toHaveLength(2);
  });

  it('leaves out wall-clock, and says why, across adapters', () => {
    const runs = input.runs.map((run) =>
      run.groupName === 'AdamW' ? { ...run, environment: { ...run.environment!, adapter: 'Another' } } : run,
    );
    const stepsOnly = comparisonSvg({ ...input, runs });
    expectWellFormed(stepsOnly);
    expect(stepsOnly).not.toContain('By wall-clock');
    expect(stepsOnly).toContain('Wall-clock is hidden');
  });

  it('draws something readable without any value', () => {
    const empty = comparisonSvg({ ...input, series: [] });
    expectWellFormed(empty);
    expect(empty).not.toMatch(/NaN|undefined|Infinity/);
  });
});
