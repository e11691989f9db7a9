/**
 * One run, step by step: chooses batches, says what is due, submits the recorded step, keeps two steps in flight, and
 * reads metrics only where it evaluates or the ring is full. Time inside training is measured from the first submit
 * after an evaluation to the completion of the last step before the next, so that evaluation, compilation and pauses
 * stay out of it.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { MetricKey } from '../../contract/runs.ts';
import type {
  TrainingControl,
  TrainingListener,
  TrainingProgress,
  TrainingResult,
} from '../../contract/training.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { NewestFailure } from '../optimisers/layer-optimiser.ts';
import { MomentWeights } from '../optimisers/moment-weights.ts';
import { scheduleFactor } from '../optimisers/schedule.ts';
import { batchOrder } from '../feeding/feeding.ts';
import { BatchQueue } from './batch-queue.ts';
import { dueWork, factorDecayOf, phasesDue, sliceDue } from './intervals.ts';
import { Journal } from './journal.ts';
import { ringSlots } from './metrics-ring.ts';
import { StepClock } from './step-clock.ts';
import type { TrainingProgram } from './training-program.ts';

/** Steps submitted ahead of the one the GPU works on: enough to hide the host, few enough to stop quickly. */
const inFlight = 2;
/** Every so many steps a step's phases are timed: a multiple of the usual intervals, and one between. */
const timedEvery = 5;
/** Progress at most this often. */
const progressMs = 250;

interface SubmittedStep {
  step: number;
  slot: number;
  lr: number;
  done: Promise<void>;
  /** From the completion of the step before to its own; NaN while running. */
  ms: number;
}

export class TrainingRun {
  private readonly gpu: GpuContext;
  private readonly spec: RunSpec;
  private readonly program: TrainingProgram;
  private readonly listener: TrainingListener;
  private readonly control: TrainingControl;
  private readonly batches: BatchQueue;
  private readonly weights: MomentWeights;
  private readonly journal = new Journal();
  private readonly clock = new StepClock();
  private readonly startedAt = performance.now();
  private pending: SubmittedStep[] = [];
  private factorWeight = 0;
  private activeMs = 0;
  private lastDone = 0;
  private lastProgress = -Infinity;
  private seenFailures: Uint32Array = new Uint32Array(0);
  private targetReached = false;

  constructor(
    gpu: GpuContext,
    spec: RunSpec,
    data: PreparedDataset,
    program: TrainingProgram,
    listener: TrainingListener,
    control: TrainingControl,
  ) {
    this.gpu = gpu;
    this.spec = spec;
    this.program = program;
    this.listener = listener;
    this.control = control;
    this.batches = new BatchQueue(batchOrder(data, spec.seed), program.feeding, spec.batchSize, spec.steps);
    this.weights = new MomentWeights(spec.optimizer);
  }

  /** Trains to the end, to a stop or to a loss that is not finite. */
  async train(): Promise<TrainingResult> {
    const { spec, journal } = this;
    journal.event(0, 'info', 'started', `Started on ${this.gpu.name}, seed ${spec.seed}`);
    const { costlyFisher } = this.program;
    if (costlyFisher !== null) journal.event(0, 'warning', 'costly-fisher', costlyFisher);
    const { recomputed } = this.program;
    if (recomputed !== null) journal.event(0, 'info', 'recomputed', recomputed);
    for (const note of this.program.streamed) journal.event(0, 'info', 'streamed', note);
    this.report('training', 0, true);
    for (let step = 1; step <= spec.steps;) {
      const last = this.endOfStretch(step);
      const reached = await this.stretch(step, last);
      const diverged = await this.collect(reached);
      if (diverged !== null) return this.finish('diverged', diverged);
      // A command that comes with the last step finds nothing left to pause or stop.
      if (reached < spec.steps && !(await this.paused(reached))) return this.finish('stopped', reached);
      step = reached + 1;
    }
    return this.finish('finished', spec.steps);
  }

  /** Metrics are read at evaluations, and before the ring would overwrite rows. */
  private endOfStretch(step: number): number {
    const { evaluateEvery, steps } = this.spec;
    const evaluation = Math.ceil(step / evaluateEvery) * evaluateEvery;
    return Math.min(evaluation, steps, step + ringSlots - 1);
  }

  /** Submits steps `first` to `last` and waits for them; stops early on a command. Answers the last step run. */
  private async stretch(first: number, last: number): Promise<number> {
    this.lastDone = performance.now();
    let step = first;
    for (; step <= last && (step === first || this.control.command === 'run'); step++) {
      this.submit(step);
      const oldest = this.pending.at(-inFlight);
      if (oldest) await oldest.done;
      this.gpu.faults.check();
      this.report('training', step - 1, false);
    }
    await Promise.all(this.pending.map((p) => p.done));
    return step - 1;
  }

  private submit(step: number): void {
    const { spec, program } = this;
    const { optimizer } = spec;
    const due = dueWork(optimizer, step, program.layerOptimiser?.slices?.count ?? 0);
    const slot = step % ringSlots;
    const lr = optimizer.lr * scheduleFactor(spec.schedule, step, spec.steps);
    this.batches.choose();
    program.step.write({
      index: step,
      seed: spec.seed,
      slot,
      lr,
      ...this.weights.next(),
      factorMix: due.factors ? this.nextFactorMix() : 0,
    });
    const duePhases = phasesDue(due);
    program.timer?.count(duePhases);
    let work = program.submitStep(duePhases, step % timedEvery === 0) + this.submitExtras(step);
    if (due.isStart) work += program.submitStart();
    const submitted: SubmittedStep = { step, slot, lr, ms: Number.NaN, done: Promise.resolve() };
    submitted.done = this.gpu.device.queue.onSubmittedWorkDone().then(() => {
      const now = performance.now();
      submitted.ms = now - this.lastDone;
      this.lastDone = now;
      program.pace.measured(work, submitted.ms);
    });
    this.pending.push(submitted);
    this.batches.expectNext();
  }

  /** What an optimiser does after some steps: adapts to the loss, inverts a part of its matrices. Answers how much work it is. */
  private submitExtras(step: number): number {
    const { program } = this;
    const { adaptation, slices } = program.layerOptimiser ?? {};
    const slice = sliceDue(this.spec.optimizer, step, slices?.count ?? 0);
    const isAdapting = adaptation && step % adaptation.interval === 0;
    return (isAdapting ? program.submitAdaptation() : 0) + (slice === null ? 0 : program.submitSlice(slice));
  }

  /** Weight of a new factor in its bias-corrected moving average: w = beta w + 1, mix = 1 / w. */
  private nextFactorMix(): number {
    this.factorWeight = factorDecayOf(this.spec.optimizer) * this.factorWeight + 1;
    return 1 / this.factorWeight;
  }

  /** Reads the rows of the steps just run, evaluates where due, hands both on. Answers the step that diverged, or null. */
  private async collect(reached: number): Promise<number | null> {
    const { spec, program, journal } = this;
    const evaluates = reached % spec.evaluateEvery === 0 || reached === spec.steps;
    if (evaluates) await program.evaluation.submit();
    const { counts: failures, latest } = program.layerOptimiser?.failures ?? {};
    const damping = evaluates ? program.layerOptimiser?.movingDamping : null;
    const warmStarts = evaluates ? program.layerOptimiser?.warmStarts : null;
    const { timer, evaluation } = program;
    const read = await program.ring.read([
      ...(failures ? [failures] : []),
      ...(latest ? [latest] : []),
      ...(damping ? [damping] : []),
      ...(warmStarts ? [warmStarts.flags] : []),
      ...(timer ? [timer.region] : []),
      ...(evaluates ? evaluation.regions : []),
    ]);
    // Metrics of work that the GPU refused are zeros.
    this.gpu.faults.check();
    const others = [...read.others];
    const failureCounts = failures ? others.shift() : undefined;
    const newest = latest ? others.shift() : undefined;
    const dampingInUse = damping ? new Float32Array(others.shift() ?? new ArrayBuffer(4))[0] : undefined;
    const warmFlags = warmStarts ? new Uint32Array(others.shift() ?? new ArrayBuffer(0)) : undefined;
    if (timer) timer.read(others.shift() ?? new ArrayBuffer(0));
    let diverged: number | null = null;
    for (const submitted of this.pending) {
      const { ms } = submitted;
      this.activeMs += ms;
      this.clock.add(ms);
      const time = this.times();
      const loss = read.rows[submitted.slot]?.loss ?? Number.NaN;
      journal.add('train.loss', submitted.step, time, loss);
      journal.add('train.lr', submitted.step, time, submitted.lr);
      journal.add('time.step_ms', submitted.step, time, ms);
      if (!Number.isFinite(loss)) {
        diverged = submitted.step;
        break;
      }
    }
    this.pending = [];
    if (failures) this.noteFailures(reached, new Uint32Array(failureCounts ?? new ArrayBuffer(0)), newest);
    if (diverged === null && evaluates) {
      const metrics = evaluation.metrics(read.evaluation, others);
      for (const [key, value] of Object.entries(metrics) as [MetricKey, number][])
        journal.add(key, reached, this.times(), value);
      if (dampingInUse !== undefined) journal.add('curvature.damping', reached, this.times(), dampingInUse);
      if (warmStarts && warmFlags) {
        const share = warmFlags.reduce((sum, flag) => sum + flag, 0) / warmStarts.matrices;
        journal.add('curvature.warm_starts', reached, this.times(), share);
      }
      this.noteTarget(reached, metrics[spec.target.metric] ?? Number.NaN);
      if (!Number.isFinite(metrics['val.loss'])) diverged = reached;
    }
    this.report('training', reached, true);
    return diverged;
  }

  /** An event for every matrix that failed since the last look, at the step of its newest failure where that is known. */
  private noteFailures(reached: number, counts: Uint32Array, latest: ArrayBuffer | undefined): void {
    const failures = this.program.layerOptimiser?.failures;
    counts.forEach((count, i) => {
      const times = count - (this.seenFailures[i] ?? 0);
      if (!failures || times <= 0) return;
      const newest = latest ? newestFailure(latest, i) : { step: reached, damping: 0, raise: 1 };
      this.journal.event(newest.step, 'warning', failures.code, failures.describe(i, times, newest));
    });
    this.seenFailures = counts;
  }

  private noteTarget(step: number, value: number): void {
    const { target } = this.spec;
    const reached = target.op === '>=' ? value >= target.value : value <= target.value;
    if (!reached || this.targetReached) return;
    this.targetReached = true;
    this.journal.event(step, 'info', 'target-reached', `Reached the target ${target.value}`);
  }

  /** Waits while paused. Answers false when the run is to stop. */
  private async paused(step: number): Promise<boolean> {
    if (this.isTold('pause')) {
      this.journal.event(step, 'info', 'paused', `Paused at step ${step}`);
      this.report('paused', step, true);
      while (this.isTold('pause')) await this.control.changed();
      if (this.isTold('run')) this.journal.event(step, 'info', 'resumed', `Resumed at step ${step}`);
    }
    return !this.isTold('stop');
  }

  /** Asked anew each time: the command changes while the run waits. */
  private isTold(command: TrainingControl['command']): boolean {
    return this.control.command === command;
  }

  private finish(status: TrainingResult['status'], lastStep: number): TrainingResult {
    if (status === 'diverged') {
      this.journal.event(
        lastStep,
        'error',
        'diverged',
        `Loss became non-finite at step ${lastStep}. The run is kept up to there.`,
      );
    }
    if (status === 'stopped') this.journal.event(lastStep, 'info', 'stopped', `Stopped at step ${lastStep}`);
    if (status === 'finished') this.journal.event(lastStep, 'info', 'finished', `Finished ${lastStep} steps`);
    this.report('training', lastStep, true);
    return { status, lastStep, activeMs: this.activeMs };
  }

  private times(): { activeMs: number; wallMs: number } {
    return { activeMs: this.activeMs, wallMs: performance.now() - this.startedAt };
  }

  private report(state: TrainingProgress['state'], step: number, always: boolean): void {
    const now = performance.now();
    if (!always && now - this.lastProgress < progressMs) return;
    this.lastProgress = now;
    const batch = this.journal.take();
    if (batch) this.listener.append(batch.metrics, batch.events);
    this.listener.progress({
      state,
      step,
      steps: this.spec.steps,
      activeMs: this.activeMs,
      stepMs: this.clock.median,
      stepMsSpread: this.clock.spread,
      phaseMs: this.program.timer?.means ?? {},
    });
  }
}

function newestFailure(latest: ArrayBuffer, matrix: number): NewestFailure {
  const [words, numbers] = [new Uint32Array(latest), new Float32Array(latest)];
  const [step = 0, damping = 0, raise = 1] = [
    words[4 * matrix],
    numbers[4 * matrix + 1],
    numbers[4 * matrix + 2],
  ];
  return { step, damping, raise };
}

/** A command that never comes: for callers that only train. */
export const keepRunning: TrainingControl = {
  command: 'run',
  changed: () => Promise.reject(new KronlabError('internal', 'this run takes no commands')),
};
