/** Runs that differ only by their seed, brought together, each with its raw series of the metric in question. */
import { flattenSpec, type ParamValue } from '../../contract/flatten-spec.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { MetricKey, RunSummary, Series } from '../../contract/runs.ts';

export interface GroupMember {
  run: RunSummary;
  /** Null: nothing evaluated yet. */
  series: Series | null;
}

export interface RunGroup {
  hash: string;
  /** Distinct among the groups given together. */
  name: string;
  spec: RunSpec;
  /** By seed, then by age. */
  members: GroupMember[];
}

/** Groups by group hash, in the order in which their first run was created; those created together keep the order given. */
export function groupRuns(
  runs: readonly RunSummary[],
  series: readonly Series[],
  metric: MetricKey,
): RunGroup[] {
  const byRun = new Map(series.filter((s) => s.key === metric).map((s) => [s.runId, s]));
  const groups = new Map<string, GroupMember[]>();
  for (const run of runs.toSorted((a, b) => a.createdMs - b.createdMs)) {
    const members = groups.get(run.groupHash) ?? [];
    members.push({ run, series: nonEmpty(byRun.get(run.id)) });
    groups.set(run.groupHash, members);
  }
  const list = [...groups].map(([hash, members]) => {
    const { run } = members[0]!;
    const bySeed = members.toSorted((a, b) => a.run.seed - b.run.seed || a.run.createdMs - b.run.createdMs);
    return { hash, name: run.groupName, spec: run.spec, members: bySeed };
  });
  return distinctNames(list);
}

/** Groups of the same name are told apart by the settings in which they differ: `AdamW, lr 0.01`. */
function distinctNames(groups: RunGroup[]): RunGroup[] {
  return groups.map((group) => {
    const namesakes = groups.filter((other) => other.name === group.name);
    if (namesakes.length === 1) return group;
    const settings = namesakes.map((other) => new Map(flattenSpec(other.spec)));
    const mine = new Map(flattenSpec(group.spec));
    const differing = [...new Set(settings.flatMap((map) => [...map.keys()]))].filter(
      (name) => name !== 'seed' && new Set(settings.map((map) => map.get(name))).size > 1,
    );
    const words = differing.map((name) => describeSetting(name, mine.get(name)));
    return { ...group, name: [group.name, ...words].join(', ') };
  });
}

function describeSetting(name: string, value: ParamValue | undefined): string {
  const short = name.slice(name.lastIndexOf('.') + 1);
  return value === undefined ? `no ${short}` : `${short} ${value}`;
}

function nonEmpty(series: Series | undefined): Series | null {
  return series === undefined || series.steps.length === 0 ? null : series;
}
