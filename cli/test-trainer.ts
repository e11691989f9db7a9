/** A trainer for tests of the command line: it computes nothing, follows a script and obeys the control as the engine does. */
import type { MetricBatch, MetricKey, RunEvent } from '../contract/runs.ts';
import type { RunSpec } from '../contract/run-spec.ts';
import type { Trainer, TrainingControl, TrainingListener, TrainingResult } from '../contract/training.ts';

export interface Script {
  /** Validation accuracy at a step. */
  accuracy(spec: RunSpec, step: number): number;
  msPerStep(spec: RunSpec): number;
  /** Called before each step; may stop the control from outside, or throw. */
  beforeStep?(spec: RunSpec, step: number): void;
  /** What is handed over before the first step. */
  events?(spec: RunSpec): RunEvent[];
  /** Step at which the loss stops being finite. */
  divergesAt?(spec: RunSpec): number | null;
}

export function testTrainer(script: Script): Trainer {
  const environment = {
    adapter: 'Scripted adapter',
    vendor: 'none',
    architecture: 'none',
    software: false,
    host: 'test',
    appVersion: '0.0.0',
  };
  return {
    adapter: { environment, features: [], limits: { maxBufferSize: 1024 }, subgroupSize: null },
    async train(spec, listener, control) {
      listener.started({ environment, layers: [], parameters: 10 });
      return steps(script, spec, listener, control);
    },
    dispose: () => undefined,
  };
}

/** Rows are handed over every ten steps and at the end, as the engine hands over whole rings of them. */
async function steps(
  script: Script,
  spec: RunSpec,
  listener: TrainingListener,
  control: TrainingControl,
): Promise<TrainingResult> {
  const ms = script.msPerStep(spec);
  let batch = emptyBatch();
  const flush = () => {
    listener.append(batch, []);
    batch = emptyBatch();
  };
  const end = (status: TrainingResult['status'], lastStep: number): TrainingResult => {
    flush();
    return { status, lastStep, activeMs: lastStep * ms };
  };
  const first = script.events?.(spec) ?? [];
  if (first.length > 0) listener.append(emptyBatch(), first);
  for (let step = 1; step <= spec.steps; step++) {
    script.beforeStep?.(spec, step);
    await Promise.resolve();
    if (control.command === 'stop') return end('stopped', step - 1);
    const diverged = script.divergesAt?.(spec) === step;
    addRow(batch, 'train.loss', step, ms, diverged ? NaN : 1 / step);
    if (step % spec.evaluateEvery === 0) addRow(batch, 'val.accuracy', step, ms, script.accuracy(spec, step));
    if (step % 10 === 0) flush();
    listener.progress({
      state: 'training',
      step,
      steps: spec.steps,
      activeMs: step * ms,
      stepMs: ms,
      stepMsSpread: 0,
      phaseMs: {},
    });
    if (diverged) return end('diverged', step);
  }
  return end('finished', spec.steps);
}

function emptyBatch(): MetricBatch {
  return { keys: [], steps: [], activeMs: [], wallMs: [], values: [] };
}

function addRow(batch: MetricBatch, key: MetricKey, step: number, msPerStep: number, value: number): void {
  batch.keys.push(key);
  batch.steps.push(step);
  batch.activeMs.push(step * msPerStep);
  batch.wallMs.push(step * msPerStep + 100);
  batch.values.push(value);
}
