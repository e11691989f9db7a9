/** Rows of the curvature benchmark for people, with the targets they have on the software adapter. */
import type { KfacRow } from './row.ts';

interface Target {
  text: string;
  isMet: boolean;
}

/** Largest ratio that each row may have. `docs/benchmarks.md` says where the numbers come from. */
const mostRatio: Readonly<Record<string, number>> = {
  'factors-vit': 1 / 3,
  'factors-conv-3x3-32-14x14': 1 / 5,
  'step-vit-reduce': 1.2,
  'step-vit-expand': 1.3,
  'step-wrn-10-1-reduce': 1.2,
  'step-wrn-10-1-expand': 1.3,
};
const mostStutter = 3;

export function kfacTargets(row: KfacRow): Target[] {
  const most = mostRatio[row.name];
  const targets: Target[] = [];
  if (most !== undefined) targets.push({ text: `<= ${most.toPrecision(2)}x`, isMet: row.ratio <= most });
  const { worst_over_median: worst } = row;
  if (worst !== undefined) {
    targets.push({
      text: `worst step ${worst.toFixed(2)}x <= ${mostStutter}x the median`,
      isMet: worst <= mostStutter,
    });
  }
  return targets;
}

export function describeKfac(rows: readonly KfacRow[]): string {
  const lines = rows.map((row) => {
    const targets = kfacTargets(row).map(({ text, isMet }) => `${text} ${isMet ? 'met' : 'NOT MET'}`);
    const split = Object.entries(row.phases).map(([phase, ms]) => `${phase} ${ms.toFixed(2)}`);
    return [
      row.name.padEnd(34),
      `${row.ours_ms.toFixed(2).padStart(9)} ms`,
      `${row.reference_ms.toFixed(2).padStart(9)} ms`,
      `${row.ratio.toFixed(3).padStart(7)}x`,
      ...(row.theory === undefined ? [] : [`theory ${row.theory.toFixed(3)}x`]),
      ...targets,
      ...(split.length > 1 ? [`(${split.join(', ')})`] : []),
    ].join('  ');
  });
  return [
    `adapter: ${[...new Set(rows.map(({ adapter }) => adapter))].join(', ')}`,
    'factors and growth: reduce against expand; steps: K-FAC at its default intervals against AdamW',
    '',
    ...lines,
  ].join('\n');
}
