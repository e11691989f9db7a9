/** Rows for people: what was measured, how it compares, which targets it met. */
import { peerNames, type BenchRow, type PeerName, type SideName } from './row.ts';
import { verdicts } from './targets.ts';

/** The tables of a run: times and ratios, targets, first calls, and what was left out. */
export function describeRows(rows: readonly BenchRow[]): string {
  const adapters = [...new Set(rows.map(({ adapter }) => adapter))];
  const peers = peerNames.filter((peer) => rows.some((row) => row.peers[peer] !== undefined));
  return [
    `adapter: ${adapters.join(', ')}`,
    timeTable(rows, peers),
    table(
      ['', 'target', 'measured', ''],
      rows.flatMap((row) => targetCells(row, rows)),
    ),
    firstCallTable(rows.filter(hasFirstCalls), peers),
    rows.flatMap(remarks).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function timeTable(rows: readonly BenchRow[], peers: readonly PeerName[]): string {
  const heads = ['', 'ours ms', ...peers.flatMap((peer) => [`${peer} ms`, 'ratio']), 'GFLOP/s', 'rounds'];
  const cells = rows.map((row) => [
    row.name,
    milliseconds(row.ours_ms),
    ...peers.flatMap((peer) => {
      const ms = row.peers[peer];
      return ms === undefined ? ['-', '-'] : [milliseconds(ms), `${(ms / row.ours_ms).toPrecision(3)}x`];
    }),
    row.gflops === null ? '-' : row.gflops.toPrecision(3),
    String(row.rounds),
  ]);
  return table(heads, cells);
}

function firstCallTable(rows: readonly BenchRow[], peers: readonly PeerName[]): string {
  const sides: readonly SideName[] = ['ours', ...peers];
  const cells = rows.map((row) => [row.name, ...sides.map((side) => milliseconds(row.first_call_ms[side]))]);
  return table(['first call, ms', ...sides], cells);
}

function targetCells(row: BenchRow, all: readonly BenchRow[]): string[][] {
  return verdicts(row, all).map(({ target, measured, isMet }) => [
    row.name,
    target,
    measured,
    isMet ? 'met' : 'NOT MET',
  ]);
}

const hasFirstCalls = (row: BenchRow): boolean => Object.keys(row.first_call_ms).length > 0;

/** One line each: how closely the sides agreed, fewer rounds of slow peers, memory, notes. */
function remarks(row: BenchRow): string[] {
  const lines: string[] = [];
  if (row.agreement) {
    const { of, error, tolerance } = row.agreement;
    lines.push(`${of}: ${error.toExponential(1)} (allowed ${tolerance.toExponential(0)})`);
  }
  for (const peer of peerNames) {
    const rounds = row.peer_rounds[peer];
    if (rounds !== undefined && rounds < row.rounds) lines.push(`${peer} took part in ${rounds} rounds`);
  }
  if (row.planned_bytes !== undefined && row.live_bytes !== undefined) {
    lines.push(`${mebibytes(row.planned_bytes)} planned for ${mebibytes(row.live_bytes)} in use at most`);
  }
  return [...lines, ...row.notes].map((line) => `${row.name}: ${line}`);
}

function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return ms < 100 ? ms.toPrecision(3) : ms.toFixed(0);
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** Columns under their heads, the first on the left, the others on the right; '' without rows. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
