/**
 * Tunes every optimiser of the default comparison with the same budget on one seed, and prints the table that
 * `docs/first-light.md` keeps. Trials are appended to a file as they finish, so that an interrupted search goes on
 * where it stopped: npm run bench -- tune --out FILE
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { presets } from '../contract/presets.ts';
import type { OptimizerSpec, RunSpec } from '../contract/run-spec.ts';
import type { Series } from '../contract/runs.ts';
import type { Trainer } from '../contract/training.ts';
import { keepRunning } from '../training/loop/training-run.ts';
import { hitTarget } from '../training/statistics/index.ts';
import { searchSpaces, type SearchSpace } from './trials.ts';

/** Trials are scored on this seed; the comparison reports others. */
const tuningSeed = 0;

/** One run as the file keeps it: every evaluation, so that another target can be asked of the same trials. */
interface TrialRecord {
  group: string;
  optimizer: OptimizerSpec;
  msPerStep: number;
  curve: { steps: number[]; values: number[] };
}

interface Trial extends TrialRecord {
  /** First evaluation that reaches the target; null when none does. */
  stepsToTarget: number | null;
  best: number;
  final: number;
}

/** What every trial shares: the default comparison without its optimiser. */
function baseSpec(): RunSpec {
  const [base] = presets['first-light']?.groups ?? [];
  if (!base) throw new Error('the default comparison has no groups');
  return { ...base.spec, seed: tuningSeed };
}

function score(record: TrialRecord): Trial {
  const { target } = baseSpec();
  const { steps, values } = record.curve;
  const series: Series = { runId: '', key: target.metric, steps, values, activeMs: steps, wallMs: steps };
  const hit = hitTarget(series, target);
  return {
    ...record,
    stepsToTarget: Number.isFinite(hit.stepsToTarget) ? hit.stepsToTarget : null,
    best: hit.best?.value ?? Number.NaN,
    final: hit.last?.value ?? Number.NaN,
  };
}

export async function tune(trainer: Trainer, file: string, print: (line: string) => void): Promise<void> {
  const known = existsSync(file) ? readTrials(file) : [];
  for (const space of searchSpaces) {
    const first = await runAll(trainer, space, space.first, known, file, print);
    const best = bestTrial(first);
    const second = await runAll(trainer, space, space.second(best.optimizer), known, file, print);
    print(`best of ${space.group}: ${describeTrial(bestTrial([...first, ...second]))}`);
  }
  print(table(readTrials(file)));
}

async function runAll(
  trainer: Trainer,
  space: SearchSpace,
  optimizers: OptimizerSpec[],
  known: Trial[],
  file: string,
  print: (line: string) => void,
): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const optimizer of optimizers) {
    const same = (trial: Trial) => JSON.stringify(trial.optimizer) === JSON.stringify(optimizer);
    const trial = known.find(same) ?? (await runAndKeep(trainer, space.group, optimizer, file));
    print(describeTrial(trial));
    trials.push(trial);
  }
  return trials;
}

async function runAndKeep(
  trainer: Trainer,
  group: string,
  optimizer: OptimizerSpec,
  file: string,
): Promise<Trial> {
  const record = await runTrial(trainer, group, optimizer);
  appendFileSync(file, `${JSON.stringify(record)}\n`);
  return score(record);
}

async function runTrial(trainer: Trainer, group: string, optimizer: OptimizerSpec): Promise<TrialRecord> {
  const spec: RunSpec = { ...baseSpec(), optimizer };
  const curve: TrialRecord['curve'] = { steps: [], values: [] };
  const result = await trainer.train(
    spec,
    {
      started: () => undefined,
      progress: () => undefined,
      append: (metrics) =>
        metrics.keys.forEach((key, i) => {
          if (key !== spec.target.metric) return;
          curve.steps.push(metrics.steps[i] ?? 0);
          curve.values.push(metrics.values[i] ?? Number.NaN);
        }),
    },
    keepRunning,
  );
  return { group, optimizer, msPerStep: result.activeMs / result.lastStep, curve };
}

/** Fewest steps to the target, ties by the final metric; among trials that never reach it, the best metric. */
function bestTrial(trials: readonly Trial[]): Trial {
  const [best] = [...trials].sort(
    (a, b) =>
      (a.stepsToTarget ?? Infinity) - (b.stepsToTarget ?? Infinity) ||
      (a.stepsToTarget === null ? b.best - a.best : b.final - a.final),
  );
  if (!best) throw new Error('no trials to choose from');
  return best;
}

function readTrials(file: string): Trial[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => score(JSON.parse(line) as TrialRecord));
}

function describeTrial(trial: Trial): string {
  const hit =
    trial.stepsToTarget === null
      ? `not reached, best ${trial.best.toFixed(3)}`
      : `${trial.stepsToTarget} steps`;
  return `${trial.group} ${settings(trial.optimizer)}: ${hit}, final ${trial.final.toFixed(3)}`;
}

function settings(optimizer: OptimizerSpec): string {
  const parts = [`lr ${optimizer.lr}`];
  if (optimizer.name === 'kfac') {
    parts.push(`damping ${optimizer.damping}`);
    if (optimizer.fisher !== 'mc') parts.push(optimizer.fisher);
  }
  if (optimizer.otherLrMultiplier !== 1) parts.push(`others x${optimizer.otherLrMultiplier}`);
  if (optimizer.name !== 'sgd' && optimizer.beta2 !== 0.99) parts.push(`beta2 ${optimizer.beta2}`);
  if (optimizer.weightDecay !== 0.01) parts.push(`weight decay ${optimizer.weightDecay}`);
  return parts.join(', ');
}

/** The Markdown table of all trials. */
function table(trials: readonly Trial[]): string {
  const best = new Set(searchSpaces.map((space) => bestTrial(trials.filter((t) => t.group === space.group))));
  const rows = trials.map((t) => {
    const chosen = best.has(t) ? ' **chosen**' : '';
    const hit = t.stepsToTarget === null ? 'not reached' : String(t.stepsToTarget);
    return `| ${t.group} | ${settings(t.optimizer)}${chosen} | ${hit} | ${t.best.toFixed(3)} | ${t.final.toFixed(3)} |`;
  });
  return ['| optimiser | setting | steps to target | best | final |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}
