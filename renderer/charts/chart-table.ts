/** Lines with points at different x, joined into rows. */
import type { ChartSeries } from '../../training/charts/layout.ts';

export interface TableRow {
  x: number;
  /** One per series; null where the series has no point at this very x. */
  values: (number | null)[];
}

/** Exact matches only: nothing is interpolated. Rows ascend in x. */
export function tableRows(all: readonly ChartSeries[]): TableRow[] {
  const rows = new Map<number, (number | null)[]>();
  all.forEach((series, column) => {
    series.x.forEach((x, i) => {
      const row = rows.get(x) ?? all.map(() => null);
      row[column] = series.y[i] ?? null;
      rows.set(x, row);
    });
  });
  return [...rows].sort((a, b) => a[0] - b[0]).map(([x, values]) => ({ x, values }));
}
