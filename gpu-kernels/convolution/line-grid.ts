/**
 * Grids for kernels that walk over images line by line. Threads know their line from the grid, which spares them
 * divisions: on a software adapter one division costs as much as several multiplications of whole vectors.
 */

/** Thread number = id.x within a line; line = id.z * LINES + id.y. Both may lie beyond the end. */
export interface LineGrid {
  workgroups: [number, number, number];
  /** For the template of the kernel: its workgroup and the lines of one layer of the grid. */
  template: { WX: number; WY: number; LINES: number };
}

const threads = 64;
const mostRows = 32768;

/** A grid of one thread for each of `length` places on each of `lines` lines. */
export function lineGrid(length: number, lines: number): LineGrid {
  // The widest workgroup of those that waste the fewest threads at the end of a line.
  const waste = (wx: number): number => Math.ceil(length / wx) * wx;
  const wx = [64, 32, 16, 8, 4].reduce((best, next) => (waste(next) < waste(best) ? next : best));
  const wy = threads / wx;
  const rows = Math.ceil(lines / wy);
  const down = Math.min(rows, mostRows);
  return {
    workgroups: [Math.ceil(length / wx), down, Math.ceil(rows / down)],
    template: { WX: wx, WY: wy, LINES: down * wy },
  };
}
