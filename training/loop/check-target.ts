/** Whether a run's target can be reached at all: looked at before every run, because programs are shared by targets. */
import { KronlabError } from '../../contract/errors.ts';
import type { TargetSpec } from '../../contract/run-spec.ts';
import { fittingOp, taskMetrics, type MetricKey } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';

/** Throws `invalid` where the metric is not measured for the data set's task, or would be reached from its better side. */
export function checkTarget({ metric, op }: TargetSpec, { name, task }: PreparedDataset): void {
  const known: readonly MetricKey[] = taskMetrics[task];
  if (!known.includes(metric)) {
    throw new KronlabError(
      'invalid',
      `target.metric: ${metric} is not measured for the task of ${name}, ${task}; choose ${known.join(', ')}`,
    );
  }
  const fitting = fittingOp(metric);
  if (op === fitting) return;
  throw new KronlabError(
    'invalid',
    `target.op: must be ${fitting} for ${metric}, of which ${fitting === '>=' ? 'more' : 'less'} is better; ${op} is not`,
  );
}
