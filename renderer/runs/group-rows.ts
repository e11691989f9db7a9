/** The rows of the Runs page: runs gathered into groups, groups summed up and put in order. Pure functions. */
import { factorSettings } from '../../contract/optimizer-family.ts';
import type { MetricSummary, RunStatus, RunSummary } from '../../contract/runs.ts';
import { groupRuns } from '../../training/statistics/groups.ts';
import { median } from '../../training/statistics/summary.ts';
import { modelName } from '../format/text.ts';
import { shownStatus } from './startable.ts';
import type { SortColumn } from '../state/runs-view.svelte.ts';

export interface RunRow {
  run: RunSummary;
  best: number | null;
  bestStep: number | null;
}

export interface GroupRow {
  hash: string;
  /** `ViT · K-FAC reduce`. */
  name: string;
  /** The newest run stands for the settings of all. */
  run: RunSummary;
  members: RunRow[];
  /** Median over the runs that have one. */
  best: number | null;
  status: { status: RunStatus; text: string };
  activeMs: number;
  /** When the group last began something. */
  startedMs: number;
  anyLive: boolean;
}

export function groupRows(runs: readonly RunSummary[]): GroupRow[] {
  return groupRuns(runs, [], 'val.accuracy').flatMap((group) => {
    const members = group.members.map(({ run }) => runRow(run));
    const newest = group.members.map(({ run }) => run).sort((a, b) => b.createdMs - a.createdMs)[0];
    if (!newest) return [];
    const bests = members.flatMap((row) => (row.best === null ? [] : [row.best]));
    return [
      {
        hash: group.hash,
        // Settings that tell namesakes apart have columns of their own.
        name: `${modelName(group.spec.model)} · ${newest.groupName}`,
        run: newest,
        members,
        best: bests.length > 0 ? median(bests) : null,
        status: groupStatus(members.map((row) => shownStatus(row.run))),
        activeMs: members.reduce((sum, row) => sum + row.run.activeMs, 0),
        startedMs: Math.max(...members.map(({ run }) => run.startedMs ?? run.createdMs)),
        anyLive: members.some((row) => row.run.status === 'running'),
      },
    ];
  });
}

export function sortGroups(
  groups: readonly GroupRow[],
  sort: { column: SortColumn; descending: boolean },
): GroupRow[] {
  const sign = sort.descending ? -1 : 1;
  return groups
    .map((group) => ({
      ...group,
      members: group.members.toSorted(
        (a, b) => sign * compare(memberKey(a, sort.column), memberKey(b, sort.column)),
      ),
    }))
    .sort((a, b) => sign * compare(groupKey(a, sort.column), groupKey(b, sort.column)));
}

/** A group's state in words: what needs attention first, then what is going on, then what is done. */
export function groupStatus(statuses: readonly RunStatus[]): GroupRow['status'] {
  const count = (status: RunStatus) => statuses.filter((other) => other === status).length;
  const n = statuses.length;
  const done = `${count('finished')} of ${n} done`;
  if (count('running') > 0) return { status: 'running', text: done };
  if (count('diverged') > 0) return { status: 'diverged', text: `${count('diverged')} of ${n} diverged` };
  if (count('failed') > 0) return { status: 'failed', text: `${count('failed')} of ${n} failed` };
  if (count('interrupted') > 0) return { status: 'interrupted', text: `${count('interrupted')} interrupted` };
  if (count('queued') > 0) return { status: 'queued', text: count('queued') === n ? `${n} queued` : done };
  if (count('stopped') > 0) return { status: 'stopped', text: `${count('stopped')} of ${n} stopped` };
  return { status: 'finished', text: done };
}

export function metricOf(run: RunSummary, key: MetricSummary['key']): MetricSummary | undefined {
  return run.metrics.find((metric) => metric.key === key);
}

export function dampingOf(run: RunSummary): number | null {
  return factorSettings(run.spec.optimizer)?.damping ?? null;
}

function runRow(run: RunSummary): RunRow {
  const accuracy = metricOf(run, 'val.accuracy');
  return { run, best: accuracy?.max ?? null, bestStep: accuracy?.maxStep ?? null };
}

type SortKey = number | string | null;

function groupKey(group: GroupRow, column: SortColumn): SortKey {
  if (column === 'name') return group.name;
  if (column === 'best') return group.best;
  if (column === 'trained') return group.activeMs;
  if (column === 'started') return group.startedMs;
  if (column === 'status') return group.status.status;
  if (column === 'bestStep') {
    const steps = group.members.flatMap((row) => (row.bestStep === null ? [] : [row.bestStep]));
    return steps.length > 0 ? median(steps) : null;
  }
  return settingKey(group.run, column);
}

function memberKey(row: RunRow, column: SortColumn): SortKey {
  if (column === 'best') return row.best;
  if (column === 'bestStep') return row.bestStep;
  if (column === 'trained') return row.run.activeMs;
  if (column === 'status') return shownStatus(row.run);
  if (column === 'steps') return row.run.lastStep;
  // Within a group everything else is the same; seeds keep their order whichever way the groups go.
  return null;
}

function settingKey(run: RunSummary, column: 'lr' | 'damping' | 'steps'): SortKey {
  if (column === 'lr') return run.spec.optimizer.lr;
  return column === 'damping' ? dampingOf(run) : run.spec.steps;
}

/** Missing values go to the end of an ascending order. */
function compare(a: SortKey, b: SortKey): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'string' && typeof b === 'string') return a.localeCompare(b, 'en');
  return Number(a) - Number(b);
}
