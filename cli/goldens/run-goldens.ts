/**
 * `npm run goldens`: every fixture of a folder through the real engine on the GPU API, compared with its float64 values.
 * Nothing about the nets is built in: sizes, layers and settings are read from the files.
 */
import { basename, dirname, join } from 'node:path';
import { KronlabError } from '../../contract/errors.ts';
import type { Fixture, NetFixture, TrajectoriesFixture } from '../../goldens/fixture.ts';
import { listFixtures, loadFixture } from '../../goldens/node.ts';
import { openDawn } from '../../gpu-kernels/dawn.ts';
import { openGpu, type GpuContext } from '../../gpu-kernels/device.ts';
import { checkNet, type CheckResult } from './check-net.ts';
import { checkTrajectories } from './check-trajectories.ts';
import { tellFamily } from './net-family.ts';
import { describeError, describeResult, hasPassed } from './report.ts';

/** Files. One with a net or a run that is not recognised has failed: it must not pass for checked. */
export interface GoldensTotals {
  passed: number;
  failed: number;
}

type Print = (line: string) => void;

/**
 * Checks every `.json` of a folder and prints a line for each, the adapter and `N passed, N failed`. A file that cannot be
 * read or is malformed counts as failed. Throws `KronlabError`: `not-found` for a folder without fixtures, `no-adapter`.
 */
export async function runGoldens(directory: string, print: Print): Promise<GoldensTotals> {
  const paths = await listFixtures(directory);
  const gpu = await openGpu(await openDawn());
  try {
    return await runFixtures(gpu, paths, print);
  } finally {
    gpu.device.destroy();
  }
}

/** The same on a device that is open already. */
export async function runFixtures(
  gpu: GpuContext,
  paths: readonly string[],
  print: Print,
): Promise<GoldensTotals> {
  const totals: GoldensTotals = { passed: 0, failed: 0 };
  for (const path of paths) {
    const name = basename(path, '.json');
    const start = performance.now();
    try {
      const outcome = await validated(gpu, async () => check(gpu, path, await loadFixture(path)));
      for (const line of describeResult(name, outcome, (performance.now() - start) / 1000)) print(line);
      totals[hasPassed(outcome) ? 'passed' : 'failed']++;
    } catch (error) {
      print(describeError(name, error));
      totals.failed++;
    }
  }
  print(`adapter: ${gpu.name}`);
  print(`${totals.passed} passed, ${totals.failed} failed`);
  return totals;
}

/** Errors that WebGPU reports outside the calls that cause them must fail the file too. */
async function validated<T>(gpu: GpuContext, run: () => Promise<T>): Promise<T> {
  gpu.device.pushErrorScope('validation');
  const running = run();
  await Promise.allSettled([running]);
  const error = await gpu.device.popErrorScope();
  const result = await running;
  if (error) throw new KronlabError('internal', `WebGPU: ${error.message}`);
  return result;
}

function check(gpu: GpuContext, path: string, fixture: Fixture): Promise<CheckResult> {
  switch (fixture.kind) {
    case 'net':
      return checkNetFile(gpu, fixture);
    case 'trajectories':
      return checkTrajectoriesFile(gpu, path, fixture);
  }
}

async function checkNetFile(gpu: GpuContext, fixture: NetFixture): Promise<CheckResult> {
  const family = tellFamily(fixture);
  return family.kind === 'unsupported' ? unrecognised(family.reason) : checkNet(gpu, fixture, family);
}

function unrecognised(what: string): CheckResult {
  return { comparisons: [], unrecognised: [what], notes: [] };
}

/** The net the runs start from lies in the same folder, in a file of any name. */
async function checkTrajectoriesFile(
  gpu: GpuContext,
  path: string,
  fixture: TrajectoriesFixture,
): Promise<CheckResult> {
  const net = await findNet(dirname(path), fixture.net);
  const family = tellFamily(net);
  if (family.kind === 'unsupported') return unrecognised(`net ${net.name}: ${family.reason}`);
  return checkTrajectories(gpu, fixture, net, family);
}

/** By the name inside the files, else by that of a file. */
async function findNet(folder: string, name: string): Promise<NetFixture> {
  const own = join(folder, `${name}.json`);
  let called: NetFixture | null = null;
  for (const path of await listFixtures(folder)) {
    const found = await loadFixture(path).catch((error: unknown) => {
      if (path === own) throw error;
      return null;
    });
    if (found?.kind !== 'net') continue;
    if (found.name === name) return found;
    if (path === own) called = found;
  }
  if (called) return called;
  throw new KronlabError('not-found', `net: there is no fixture of the net ${name} in ${folder}`);
}
