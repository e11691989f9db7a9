/** `kronlab compare`: the comparison of the app without its window. */
import { resolve } from 'node:path';
import type { Client } from '../../contract/api.ts';
import { exportKinds } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { createKernelStore } from '../../contract/kernel-store.ts';
import type { RunEvent, RunSummary, Series } from '../../contract/runs.ts';
import type { Trainer, TrainingProgress, TrainingResult } from '../../contract/training.ts';
import {
  formatCount,
  formatDuration,
  formatMetric,
  formatMilliseconds,
} from '../../training/charts/format.ts';
import { compare, type Comparison } from '../../training/statistics/comparison.ts';
import { hitTarget } from '../../training/statistics/target.ts';
import type { Command, CommandContext } from '../command.ts';
import { comparisonJson } from '../comparison-json.ts';
import { comparisonReport, comparisonTable } from '../comparison-report.ts';
import { datasetFolder } from '../dataset-folder.ts';
import { withLab } from '../lab.ts';
import { LiveSeries } from '../live-series.ts';
import { readCount, readOptions, readWholeNumbers, required } from '../options.ts';
import { prepareOutFolder, writeFiles } from '../out-folder.ts';
import {
  changePlan,
  plannedRuns,
  planFromFile,
  planFromPreset,
  requireDatasets,
  type ComparisonPlan,
} from '../plan.ts';
import { Progress } from '../progress.ts';
import { ProgressView } from '../progress-view.ts';
import { StopControl, trainRun } from '../train-run.ts';

/** What a shell answers for a process ended by Ctrl C. */
const INTERRUPTED = 130;

export const compareCommand: Command = {
  name: 'compare',
  summary: 'train a comparison and write its tables and charts',
  help: `kronlab compare --preset NAME | --spec FILE  --out DIR [options]

Trains every group with every seed, keeps the runs in the database, prints the comparison and
writes runs.csv, metrics_long.csv, comparison.csv and comparison.svg to DIR.

  --preset NAME   a comparison that ships with the lab, e.g. first-light
  --spec FILE     a comparison as JSON: { "name", "seeds", "settings", "groups": [{ "name", "settings" }] }
  --out DIR       where the files go; made if missing
  --db FILE       another database than the app's own
  --seeds 1,2     other seeds
  --steps N       another budget for every group
  --json          the comparison as JSON on standard output

Ctrl C stops the run in training; what was trained is kept, compared and written.`,

  async run(args, context) {
    const { values } = readOptions('compare', args, {
      preset: { type: 'string' },
      spec: { type: 'string' },
      out: { type: 'string' },
      db: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const out = resolve(required('compare', '--out', values.out, 'results'));
    const plan = changePlan(await choosePlan(values.preset, values.spec), {
      seeds: values.seeds === undefined ? undefined : readWholeNumbers('--seeds', values.seeds),
      steps: values.steps === undefined ? undefined : readCount('--steps', values.steps),
    });
    const imported = datasetFolder(values.db);
    await requireDatasets(plan, imported);
    const planned = plannedRuns(plan);
    await prepareOutFolder(out);
    return withLab(values.db, async (client) => {
      const trainer = await context.createTrainer({ kernels: createKernelStore(client), imported });
      try {
        const { runs } = await client.call('comparisons.create', { name: plan.name, runs: planned });
        introduce(context, plan, runs, trainer);
        const interrupted = await new ComparisonTraining(client, trainer, runs, context).train();
        const ids = runs.map((run) => run.id);
        const comparison = await storedComparison(client, ids);
        const files = await client.call('export.create', { runIds: ids, kinds: [...exportKinds] });
        const paths = await writeFiles(out, files);
        context.terminal.out(
          values.json
            ? `${JSON.stringify(comparisonJson(comparison, { name: plan.name, files: paths }), null, 2)}\n`
            : `${[...comparisonReport(comparison), '', ...paths.map((path) => `Wrote ${path}`)].join('\n')}\n`,
        );
        return interrupted ? INTERRUPTED : 0;
      } finally {
        trainer.dispose();
      }
    });
  },
};

async function choosePlan(preset: string | undefined, spec: string | undefined): Promise<ComparisonPlan> {
  if ((preset === undefined) === (spec === undefined)) {
    throw new KronlabError(
      'invalid',
      `${preset === undefined ? 'nothing to compare' : '--preset and --spec exclude each other'}: give either --preset NAME or --spec FILE; see "kronlab help compare"`,
    );
  }
  return preset === undefined ? planFromFile(spec ?? '') : planFromPreset(preset);
}

function introduce(
  { terminal }: CommandContext,
  plan: ComparisonPlan,
  runs: readonly RunSummary[],
  trainer: Trainer,
): void {
  const { adapter, software } = trainer.adapter.environment;
  terminal.err(`${plan.name}: ${plan.groups.length} groups, ${runs.length} runs, on ${adapter}\n`);
  if (software) terminal.err("This is a software adapter: results are right, times are a CPU's.\n");
}

/** The comparison as it stands in the database, with the target the runs were planned with. */
async function storedComparison(client: Client, ids: readonly string[]): Promise<Comparison> {
  const answers = await Promise.all(ids.map((id) => client.call('runs.get', { id })));
  const runs = answers.map((answer) => answer.run);
  const target = runs[0]?.spec.target;
  if (target === undefined) throw new KronlabError('internal', 'a comparison without runs was stored');
  const series: Series[] = await client.call('runs.series', { runIds: [...ids], keys: [target.metric] });
  return compare({ runs, series, target });
}

/** Runs one after another, with progress, until the last one or Ctrl C. */
class ComparisonTraining {
  private readonly client: Client;
  private readonly trainer: Trainer;
  private readonly runs: RunSummary[];
  private readonly context: CommandContext;
  private readonly control = new StopControl();
  private readonly live = new LiveSeries();
  private readonly costs = new Set<string>();
  private readonly progress: Progress;
  private readonly view: ProgressView;

  constructor(client: Client, trainer: Trainer, runs: readonly RunSummary[], context: CommandContext) {
    this.client = client;
    this.trainer = trainer;
    this.runs = [...runs];
    this.context = context;
    this.progress = new Progress(
      runs.map((run) => ({ group: run.groupHash, steps: run.spec.steps })),
      context.now,
    );
    this.view = new ProgressView(context.terminal, this.progress, context.now);
  }

  /** True when it was stopped by hand. */
  async train(): Promise<boolean> {
    let presses = 0;
    const stopListening = this.context.terminal.onInterrupt(() => {
      presses += 1;
      if (presses > 1) process.exit(INTERRUPTED);
      this.control.stop();
      this.view.note('Stopping after this step; press Ctrl C again to leave at once.');
    });
    try {
      for (let i = 0; i < this.runs.length && this.control.command === 'run'; i++) await this.trainOne(i);
    } finally {
      stopListening();
      this.view.erase();
    }
    return presses > 0;
  }

  private async trainOne(index: number): Promise<void> {
    const run = this.runs[index]!;
    this.progress.startRun();
    const result = await trainRun(this.client, this.trainer, run, this.control, {
      progress: (progress) => {
        this.progress.report(progress);
        this.view.update(runLine(run, progress), () => this.table());
      },
      append: (metrics, events) => {
        this.live.append(run.id, metrics);
        this.noteCosts(run, events);
      },
    });
    this.progress.endRun();
    this.runs[index] = (await this.client.call('runs.get', { id: run.id })).run;
    this.view.note(this.endLine(run, result));
  }

  /** What a group costs without need is said once, not with every seed. */
  private noteCosts({ groupName }: RunSummary, events: readonly RunEvent[]): void {
    for (const { text } of events.filter(({ code }) => code === 'costly-fisher')) {
      const note = `${groupName}: ${text}`;
      if (!this.costs.has(note)) this.view.note(note);
      this.costs.add(note);
    }
  }

  /** The comparison of what is there so far. */
  private table(): string[] {
    const target = this.runs[0]!.spec.target;
    return [
      ...comparisonTable(compare({ runs: this.runs, series: this.live.of(target.metric), target })),
      '',
    ];
  }

  private endLine(run: RunSummary, result: TrainingResult): string {
    const { target } = run.spec;
    const hit = hitTarget(
      this.live.of(target.metric).find((series) => series.runId === run.id) ?? null,
      target,
    );
    const goal = formatMetric(target.metric, target.value);
    const reached =
      hit.stepsToTarget < Infinity
        ? `reached ${goal} at step ${formatCount(hit.stepsToTarget)} (${formatDuration(hit.secondsToTarget)})`
        : `did not reach ${goal}${hit.best === null ? '' : `, best ${formatMetric(target.metric, hit.best.value)} at step ${formatCount(hit.best.step)}`}`;
    const end = { finished: '', stopped: ', stopped', diverged: ', diverged: its loss is no longer finite' }[
      result.status
    ];
    return `[${this.progress.done}/${this.progress.total}] ${run.name}: ${reached}; ${formatCount(result.lastStep)} steps in ${formatDuration(result.activeMs / 1000)}${end}`;
  }
}

function runLine(run: RunSummary, progress: TrainingProgress): string {
  const pace = progress.stepMs === null ? '' : `, ${formatMilliseconds(progress.stepMs)} ms/step`;
  return `${run.name}: ${progress.state}, step ${formatCount(progress.step)} of ${formatCount(progress.steps)}${pace}`;
}
