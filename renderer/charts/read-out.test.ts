import { describe, expect, it } from 'vitest';
import type { ChartSeries } from '../../training/charts/layout.ts';
import { tableRows } from './chart-table.ts';
import { nearestStop, readOut, stops } from './read-out.ts';

const line = (name: string, x: number[], y: number[], changes: Partial<ChartSeries> = {}): ChartSeries => ({
  id: name,
  name,
  color: 'red',
  dash: 'solid',
  x,
  y,
  ...changes,
});
const long = line('long', [10, 20, 30], [0.1, 0.5, 0.6]);
const short = line('short', [10, 20], [0.2, 0.7]);

describe('readOut', () => {
  const read = (x: number, goal: 'min' | 'max', all = [long, short]) =>
    readOut(all, x, goal).map((row) => [row.series.name, row.value]);

  it('gives every line its value at the last point so far, best first', () => {
    expect(read(25, 'max', [long, line('late', [26], [1])])).toEqual([['long', 0.5]]);
    expect(read(20, 'max')).toEqual([
      ['short', 0.7],
      ['long', 0.5],
    ]);
    expect(read(20, 'min')).toEqual([
      ['long', 0.5],
      ['short', 0.7],
    ]);
  });

  it('lists lines that have ended last, and growing ones not at all', () => {
    expect(read(30, 'max')).toEqual([
      ['long', 0.6],
      ['short', null],
    ]);
    expect(read(30, 'max', [long, { ...short, live: true }])).toEqual([['long', 0.6]]);
  });

  it('leaves out context lines and values that are not finite', () => {
    expect(read(20, 'max', [{ ...long, context: true }, line('nan', [10, 20], [1, NaN])])).toEqual([]);
  });
});

describe('stops', () => {
  it('are every x once, and the nearest is found on both sides', () => {
    expect(stops([long, short])).toEqual([10, 20, 30]);
    expect([4, 14, 16, 99].map((x) => nearestStop([10, 20, 30], x))).toEqual([10, 10, 20, 30]);
    expect(nearestStop([], 5)).toBe(5);
  });
});

describe('tableRows', () => {
  it('joins lines at equal x and invents nothing between', () => {
    expect(tableRows([long, line('other', [20, 25], [1, 2])])).toEqual([
      { x: 10, values: [0.1, null] },
      { x: 20, values: [0.5, 1] },
      { x: 25, values: [null, 2] },
      { x: 30, values: [0.6, null] },
    ]);
  });
});
