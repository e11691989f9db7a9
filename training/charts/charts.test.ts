import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { graftedIdentitySpecSchema } from '../../contract/run-spec.ts';
import { adamw, expand, reduce, testSpec } from '../statistics/test-runs.ts';
import { assignSlots, dashPatterns, encodeGroups } from './encoding.ts';
import { formatDuration, formatMetric, formatRatio, formatTimeTick } from './format.ts';
import { spreadLabels } from './labels.ts';
import { layoutChart, type ChartSeries, type ChartSpec } from './layout.ts';
import { mixOklab } from './oklab.ts';
import { lightPalette } from './palette.ts';
import { layoutRatio, ratioDomain } from './ratio.ts';
import { focusDomain, horizontalDomain, timeTicks, valueTicks } from './scales.ts';
import { layoutSparkline } from './sparkline.ts';

describe('spreadLabels', () => {
  const wishes = fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { maxLength: 12 });

  it('keeps labels apart and in the order of their lines', () => {
    fc.assert(
      fc.property(wishes, (wanted) => {
        const placed = spreadLabels(wanted, 15);
        const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
        for (let i = 1; i < order.length; i++) {
          expect(placed[order[i]!]! - placed[order[i - 1]!]!).toBeGreaterThanOrEqual(15 - 1e-9);
        }
      }),
      trials(),
    );
  });

  it('does not move labels that do not collide', () => {
    expect(spreadLabels([10, 40, 90], 15)).toEqual([10, 40, 90]);
  });

  it('moves two that collide by half each, and stays inside the plot', () => {
    expect(spreadLabels([100, 105], 15)).toEqual([95, 110]);
    expect(spreadLabels([398, 399], 15, 0, 400)).toEqual([385, 400]);
    expect(spreadLabels([1, 2], 15, 0, 400)).toEqual([0, 15]);
  });
});

describe('scales', () => {
  it('writes ticks with as many decimals as their gap needs', () => {
    expect(valueTicks([0.78, 0.9], 6, false).map((t) => t.text)).toEqual([
      '0.78',
      '0.80',
      '0.82',
      '0.84',
      '0.86',
      '0.88',
      '0.90',
    ]);
    expect(valueTicks([0.1, 2.5], 5, true).map((t) => t.text)).toEqual(['0.1', '0.2', '0.5', '1', '2']);
    expect(timeTicks([0, 200], 7).map((t) => t.text)).toEqual([
      '0',
      '30 s',
      '1 min',
      '1.5 min',
      '2 min',
      '2.5 min',
      '3 min',
    ]);
  });

  it('ends the horizontal axis on a tick at or beyond the data', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.02, max: 1e5, noNaN: true }),
        fc.constantFrom('step', 'time'),
        (largest, kind) => {
          const [low, high] = horizontalDomain(largest, kind);
          expect(low).toBe(0);
          expect(high).toBeGreaterThanOrEqual(largest * (1 - 1e-9));
        },
      ),
      trials(),
    );
  });

  it('always shows the good end and the target', () => {
    const values = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        values,
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.boolean(),
        (list, target, log) => {
          const accuracy = focusDomain(list, 'max', { target });
          expect(accuracy[1]).toBeGreaterThanOrEqual(Math.max(target, ...list) - 1e-9);
          expect(accuracy[0]).toBeLessThanOrEqual(target + 1e-9);
          const loss = focusDomain(list, 'min', { target, log });
          expect(loss[0]).toBeLessThanOrEqual(Math.min(target, ...list) * (1 + 1e-9));
          expect(loss[1]).toBeGreaterThanOrEqual(target * (1 - 1e-9));
          expect(loss[1]).toBeGreaterThan(loss[0]);
        },
      ),
      trials(),
    );
  });
});

describe('layoutChart', () => {
  const series = (changes: Partial<ChartSeries> = {}): ChartSeries => ({
    id: 'a',
    name: 'AdamW',
    color: '#000000',
    dash: 'solid',
    x: [0, 50, 100],
    y: [0.1, 0.8, 0.9],
    ...changes,
  });
  const layout = (changes: Partial<ChartSpec>, lines = [series()]) =>
    layoutChart(
      { series: lines, xKind: 'step', goal: 'max', ...changes },
      { width: 400, height: 300, rem: 16 },
    );

  it('breaks a line at a value that is not finite', () => {
    expect(layout({}, [series({ y: [0.1, NaN, 0.9] })]).paths[0]!.line.match(/M/g)).toHaveLength(2);
  });

  it('marks a diverged run at the bad edge of the plot', () => {
    const lines = [series({ nonfinite: [{ x: 50, text: 'NaN at step 60' }] })];
    const accuracy = layout({}, lines);
    expect(accuracy.triangles).toMatchObject([{ y: accuracy.plot.bottom, x: accuracy.x.at(50) }]);
    const loss = layout({ goal: 'min' }, lines);
    expect(loss.triangles).toMatchObject([{ y: loss.plot.top }]);
  });

  it('labels a finished line right of the plot with a lead, and a live one at its tip', () => {
    const ended = layout({ xDomain: [0, 200] }).labels[0]!;
    expect(ended.lead).not.toBeNull();
    const live = layout({ xDomain: [0, 200] }, [series({ live: true })]);
    expect(live.labels[0]).toMatchObject({ lead: null, tip: { x: live.x.at(100) } });
  });

  it('leaves out marks and the target outside the shown part', () => {
    const chart = layout({
      yDomain: [0.5, 1],
      target: 0.2,
      marks: [
        { seriesId: 'a', x: 50, y: 0.8, color: 'red' },
        { seriesId: 'b', x: 50, y: 0.2, color: 'red' },
      ],
    });
    expect(chart.targetY).toBeNull();
    expect(chart.marks.map((m) => m.seriesId)).toEqual(['a']);
  });

  it('has no position for values of 0 or below on a log axis', () => {
    const chart = layout({ goal: 'min', logY: true }, [series({ y: [1, 0, 0.01] })]);
    expect(chart.paths[0]!.line.match(/M/g)).toHaveLength(2);
  });
});

describe('encoding', () => {
  const groups = [
    { hash: 'a', spec: testSpec(adamw) },
    { hash: 'e', spec: testSpec(expand) },
    { hash: 'r', spec: testSpec(reduce) },
  ];

  it('lets the dash tell the flavour only when both flavours are there', () => {
    expect([...encodeGroups(groups)].map(([, e]) => e.dash)).toEqual(['first-order', 'expand', 'reduce']);
    expect([...encodeGroups(groups.slice(0, 2))].map(([, e]) => e.dash)).toEqual(['solid', 'solid']);
  });

  it('counts the control without curvature as first order', () => {
    const control = {
      hash: 'i',
      spec: testSpec(graftedIdentitySpecSchema.parse({ name: 'grafted-identity', lr: 0.02 })),
    };
    expect(encodeGroups([...groups, control]).get('i')).toEqual({ slot: 4, dash: 'first-order' });
  });

  it('gives EKFAC the dash of its flavour', () => {
    const corrected = { hash: 'k', spec: testSpec({ ...reduce, ...{ preconditioner: 'ekfac' } }) };
    expect(encodeGroups([...groups, corrected]).get('k')).toEqual({ slot: 4, dash: 'reduce' });
  });

  it('keeps slots that were given, fills gaps, and has grey for the ninth group', () => {
    const hashes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const slots = assignSlots(hashes, new Map([['c', 1]]));
    expect(slots.get('c')).toBe(1);
    expect(slots.get('a')).toBe(2);
    expect(new Set([...slots.values()].filter((s) => s !== null)).size).toBe(8);
    expect(slots.get('i')).toBeNull();
  });
});

describe('the palette of exported files', () => {
  const css = readFileSync(new URL('../../renderer/styles/tokens.css', import.meta.url), 'utf8');
  const light = css.slice(css.indexOf(':root {'), css.indexOf('@media (prefers-color-scheme: dark)'));
  const token = (name: string) => new RegExp(`--${name}:\\s*([^;]+);`).exec(light)?.[1]?.trim();

  it('is the light theme of the app', () => {
    const names = {
      paper: 'paper',
      ink: 'ink',
      ink2: 'ink-2',
      ink3: 'ink-3',
      ink4: 'ink-4',
      onInk: 'on-ink',
    } as const;
    for (const [key, name] of Object.entries(names))
      expect(lightPalette[key as keyof typeof names]).toBe(token(name));
    expect([lightPalette.rule, lightPalette.ruleStrong, lightPalette.grid]).toEqual([
      token('rule'),
      token('rule-strong'),
      token('grid'),
    ]);
    expect(lightPalette.slots).toEqual(lightPalette.slots.map((_, i) => token(`c${i + 1}`)));
    expect([`${lightPalette.labelMix * 100}%`, String(lightPalette.band)]).toEqual([
      token('label-mix'),
      token('band'),
    ]);
  });

  it('has the dashes of the app', () => {
    const css = (dash: readonly number[]) =>
      dash.length === 0 ? 'none' : dash.map((d) => `${d}rem`).join(' ');
    expect(css(dashPatterns['first-order'])).toBe(token('dash-first-order'));
    expect(css(dashPatterns.reduce)).toBe(token('dash-reduce'));
    expect(css(dashPatterns.expand)).toBe(token('dash-expand'));
    for (const slot of [5, 6, 7, 8] as const)
      expect(css(dashPatterns[`slot-${slot}`])).toBe(token(`c${slot}-dash`));
  });

  it('mixes colours as CSS does', () => {
    expect(mixOklab('#c8400a', '#17181b', 1)).toBe('#c8400a');
    expect(mixOklab('#c8400a', '#17181b', 0)).toBe('#17181b');
    // Value by Chromium 156 for color-mix(in oklab, #ffffff 50%, #000000).
    expect(mixOklab('#ffffff', '#000000', 0.5)).toBe('#636363');
  });
});

describe('ratios', () => {
  it('centres 1 and holds every ratio, cutting only what lies beyond 64 times', () => {
    const domain = ratioDomain([0.2, 3]);
    const layout = layoutRatio(0.2, { low: 0, high: Infinity }, domain, 100);
    expect(layout.ticks.find((t) => t.centre)!.x).toBeCloseTo(50, 9);
    expect(layout.dot).toBeGreaterThan(0);
    expect(layout.bar).toEqual({ from: 0, to: 100, cutLow: true, cutHigh: true });
  });
});

describe('sparkline', () => {
  it('leaves out what its column does not show', () => {
    const layout = layoutSparkline([0.1, 0.8, NaN, 0.9], [0.7, 1], 92, 20);
    expect(layout.line.match(/M/g)).toHaveLength(2);
    expect(layout.end!.x).toBeCloseTo(88, 9);
    expect(layoutSparkline([], [0, 1], 92, 20)).toEqual({ line: '', end: null });
  });
});

describe('numbers in words', () => {
  it('follows the house style', () => {
    expect([6.42, 42, 237, 7500].map(formatDuration)).toEqual(['6.4 s', '42 s', '3m 57s', '2h 05m']);
    expect([0, 0.5, 90, 180, 7200].map(formatTimeTick)).toEqual(['0', '0.5 s', '1.5 min', '3 min', '2 h']);
    expect([0.574, 9.999, 12.4].map(formatRatio)).toEqual(['0.57', '10', '12']);
    expect(formatMetric('val.accuracy', 0.93)).toBe('0.930');
    expect(formatMetric('val.loss', 0.23456)).toBe('0.235');
    expect(formatMetric('val.loss', NaN)).toBe('NaN');
  });
});
