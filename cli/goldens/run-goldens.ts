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
import { isWithin } from './comparison.ts';
import { tellFamily } from './net-family.ts';
import { describeError, describeResult, describeUnsupported } from './report.ts';

export interface GoldensTotals {
  passed: number;
  failed: number;
  /** Files with a net the engine cannot build yet: neither passed nor failed. */
  unsupported: number;
}

type Print = (line: string) => void;
type Outcome = CheckResult | { unsupported: string };

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
  const totals: GoldensTotals = { passed: 0, failed: 0, unsupported: 0 };
  const unsupported: string[] = [];
  for (const path of paths) {
    const name = basename(path, '.json');
    const start = performance.now();
    try {
      const outcome = await validated(gpu, async () => check(gpu, path, await loadFixture(path)));
      if ('unsupported' in outcome) {
        unsupported.push(describeUnsupported(name, outcome.unsupported));
        continue;
      }
      for (const line of describeResult(name, outcome, (performance.now() - start) / 1000)) print(line);
      totals[outcome.comparisons.every(isWithin) ? 'passed' : 'failed']++;
    } catch (error) {
      print(describeError(name, error));
      totals.failed++;
    }
  }
  totals.unsupported = unsupported.length;
  for (const line of unsupported) print(line);
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

function check(gpu: GpuContext, path: string, fixture: Fixture): Promise<Outcome> {
  switch (fixture.kind) {
    case 'net':
      return checkNetFile(gpu, fixture);
    case 'trajectories':
      return checkTrajectoriesFile(gpu, path, fixture);
  }
}

async function checkNetFile(gpu: GpuContext, fixture: NetFixture): Promise<Outcome> {
  const family = tellFamily(fixture);
  return family.kind === 'unsupported' ? { unsupported: family.reason } : checkNet(gpu, fixture, family);
}

/** The net the runs start from lies in the same folder. */
async function checkTrajectoriesFile(
  gpu: GpuContext,
  path: string,
  fixture: TrajectoriesFixture,
): Promise<Outcome> {
  const net = await loadFixture(join(dirname(path), `${fixture.net}.json`));
  if (net.kind !== 'net') throw new KronlabError('invalid', `net: ${fixture.net} is not a net fixture`);
  const family = tellFamily(net);
  if (family.kind === 'unsupported') return { unsupported: `net ${net.name}: ${family.reason}` };
  const result = await checkTrajectories(gpu, fixture, net, family);
  return result.comparisons.length > 0 ? result : { unsupported: result.notYet.join(', ') };
}
