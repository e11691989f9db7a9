/**
 * The runs that ship with the project are held to the f32 column of `goldens/README.md` itself, for as many steps as it says.
 * What `goldens` grants beyond that is for runs of other seeds and sizes.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { goldensDirectory, loadFixture } from '../../goldens/node.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { checkTrajectories } from './check-trajectories.ts';
import { tellFamily } from './net-family.ts';

/** Tolerance, and the steps that f32 can follow. */
const column: Readonly<Record<string, readonly [tolerance: number, steps: number]>> = {
  sgd_momentum: [1e-4, 10],
  sgd_nesterov_wd: [1e-4, 10],
  adamw: [1e-4, 10],
  kfac_expand_calm: [1e-4, 10],
  kfac_reduce_calm: [1e-4, 10],
  kfac_expand: [1e-2, 10],
  kfac_expand_empirical: [1e-3, 10],
  kfac_reduce: [1e-2, 2],
  kfac_reduce_empirical: [1e-2, 2],
};

it('every shipped run keeps to the tolerances of the README, for all of its steps', async () => {
  const fixture = await loadFixture(join(goldensDirectory, 'trajectories.json'));
  if (fixture.kind !== 'trajectories') throw new Error('trajectories.json has trajectories');
  const net = await loadFixture(join(goldensDirectory, `${fixture.net}.json`));
  if (net.kind !== 'net') throw new Error(`${fixture.net} is a net`);
  const family = tellFamily(net);
  if (family.kind === 'unsupported') throw new Error(family.reason);
  const { comparisons, unrecognised } = await checkTrajectories(await testGpu(), fixture, net, family);
  expect(unrecognised).toEqual([]);
  expect(Object.keys(fixture.runs).sort()).toEqual(Object.keys(column).sort());
  for (const [name, [tolerance, steps]] of Object.entries(column)) {
    const own = comparisons.filter(({ where }) => where.startsWith(`runs.${name}.`));
    const reached = own.map(({ where }) => Number(/\.steps\.(\d+)\./.exec(where)?.[1] ?? 0));
    expect(Math.max(...reached), name).toBe(steps);
    // A difference that is not a number is over every tolerance.
    const over = own.filter(({ error }) => !(error <= tolerance));
    expect(over.map(({ where, error }) => `${where}: ${error}`)).toEqual([]);
  }
});
