/** Grids for kernels whose threads are numbered along one line, longer than one dimension of workgroups allows. */
export interface LinearGrid {
  workgroups: [number, number, number];
  /** Threads in one row of workgroups: thread number = id.y * row + id.x. */
  row: number;
  count: number;
}

export function linearGrid(count: number, workgroupSize: number): LinearGrid {
  const groups = Math.max(1, Math.ceil(count / workgroupSize));
  const columns = Math.min(groups, 32768);
  return { workgroups: [columns, Math.ceil(groups / columns), 1], row: columns * workgroupSize, count };
}
