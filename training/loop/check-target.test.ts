import { describe, expect, it } from 'vitest';
import type { TargetSpec } from '../../contract/run-spec.ts';
import { datasetTasks } from '../../contract/data-kinds.ts';
import { metricDefinitions, taskMetrics } from '../../contract/runs.ts';
import { checkTarget } from './check-target.ts';
import { tinyDataset } from './test-trainer.ts';

const target = (metric: TargetSpec['metric'], op: TargetSpec['op']): TargetSpec => ({
  metric,
  op,
  value: 0.5,
});

describe('a target', () => {
  it.each(datasetTasks)('fits every metric of its task from the worse side alone: %s', (task) => {
    const data = { ...tinyDataset(), task };
    for (const metric of taskMetrics[task]) {
      const [right, wrong] =
        metricDefinitions[metric].goal === 'max' ? (['>=', '<='] as const) : (['<=', '>='] as const);
      expect(() => checkTarget(target(metric, right), data)).not.toThrow();
      expect(() => checkTarget(target(metric, wrong), data)).toThrow(
        `target.op: must be ${right} for ${metric}`,
      );
    }
  });

  it('of another task names those that are measured', () => {
    expect(() => checkTarget(target('val.rmse', '<='), tinyDataset())).toThrow(
      'target.metric: val.rmse is not measured for the task of Tiny, classification; choose val.accuracy, val.loss, val.ece',
    );
  });
});
