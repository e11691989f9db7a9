import { expect, test } from 'vitest';
import { layoutGraph } from './graph-layout.ts';

test('draws connected nodes nearer than others, inside of the square, the same way every time', () => {
  const path = [0, 1, 2, 3, 4].map((i) => [i, i + 1] as const);
  const points = layoutGraph(6, path);
  const distance = (i: number, j: number) =>
    Math.hypot(points[i]!.x - points[j]!.x, points[i]!.y - points[j]!.y);
  for (const [i, j] of path) expect(distance(i, j)).toBeLessThan(distance(0, 5) / 2);
  for (const { x, y } of points) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(1);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(1);
  }
  expect(layoutGraph(6, path)).toEqual(points);
});

test('puts a single node into the middle, and takes loops and no edges', () => {
  expect(layoutGraph(1, [[0, 0]])).toEqual([{ x: 0.5, y: 0.5 }]);
  expect(new Set(layoutGraph(3, []).map(({ x, y }) => `${x} ${y}`)).size).toBe(3);
});
