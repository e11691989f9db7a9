/** What the benchmark promises beside speed, held on the adapter of the tests: launches, memory and finite steps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { trainingTasks } from '../tasks.ts';
import { OurTrainingStep } from './training-step.ts';

describe.each([
  { name: 'mlp', mostDispatches: 20 },
  { name: 'convnet', mostDispatches: Infinity },
  { name: 'vit', mostDispatches: 90 },
] as const)('a step of $name, as it is benchmarked', ({ name, mostDispatches }) => {
  let step: OurTrainingStep;
  beforeAll(async () => {
    step = await OurTrainingStep.build(await testGpu(), trainingTasks[name]);
  });
  afterAll(() => step.dispose());

  it('is planned close to the most that is alive at once', () => {
    const { dispatches, arenaBytes, largestLiveSet } = step.program.statistics;
    expect(dispatches).toBeLessThanOrEqual(mostDispatches);
    expect(arenaBytes).toBeLessThanOrEqual(1.15 * largestLiveSet);
  });

  it('has a finite loss that falls', async () => {
    await step.run(1);
    const [first = NaN] = await step.result();
    await step.run(3);
    const [last = NaN] = await step.result();
    expect(first).toBeGreaterThan(0);
    expect(last).toBeLessThan(first);
  });
});
