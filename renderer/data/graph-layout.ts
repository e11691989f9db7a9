/** Where to draw the nodes of a small graph: springs along edges, repulsion between all, the same picture every time. */

const rounds = 120;
const springLength = 1;

/** Points in a unit square, one a node, for edges given by the numbers of their ends. */
export function layoutGraph(
  nodes: number,
  edges: readonly (readonly [number, number])[],
): { x: number; y: number }[] {
  // On a spiral, so that no two begin at one place and no axis is preferred.
  const points = Array.from({ length: nodes }, (_, i) => ({
    x: Math.sqrt(i + 0.5) * Math.cos(2.4 * i),
    y: Math.sqrt(i + 0.5) * Math.sin(2.4 * i),
  }));
  for (let round = 0; round < rounds; round += 1) {
    const longest = 0.3 * (1 - round / rounds);
    const forces = points.map(() => ({ x: 0, y: 0 }));
    points.forEach((a, i) => {
      points.slice(0, i).forEach((b, j) => {
        const distance = Math.max(0.05, Math.hypot(a.x - b.x, a.y - b.y));
        const push = 0.6 / distance ** 2;
        apply(forces[i]!, forces[j]!, a, b, distance, push);
      });
    });
    for (const [i, j] of edges) {
      if (i === j) continue;
      const [a, b] = [points[i]!, points[j]!];
      const distance = Math.max(0.05, Math.hypot(a.x - b.x, a.y - b.y));
      apply(forces[i]!, forces[j]!, a, b, distance, springLength - distance);
    }
    points.forEach((point, i) => {
      const force = forces[i]!;
      const size = Math.hypot(force.x, force.y);
      const scale = size === 0 ? 0 : Math.min(longest, 0.2 * size) / size;
      point.x += force.x * scale;
      point.y += force.y * scale;
    });
  }
  return fit(points);
}

interface Point {
  x: number;
  y: number;
}

/** Pushes two nodes apart by `push`, or together where it is negative. */
function apply(forceA: Point, forceB: Point, a: Point, b: Point, distance: number, push: number): void {
  const [x, y] = [((a.x - b.x) / distance) * push, ((a.y - b.y) / distance) * push];
  forceA.x += x;
  forceA.y += y;
  forceB.x -= x;
  forceB.y -= y;
}

function fit(points: readonly Point[]): Point[] {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [wide, high] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const size = Math.max(wide, high) || 1;
  return points.map(({ x, y }) => ({
    x: (x - left) / size + (1 - wide / size) / 2,
    y: (y - top) / size + (1 - high / size) / 2,
  }));
}
