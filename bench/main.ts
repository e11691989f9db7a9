/** Entry of the benchmarks and measured tables: npm run bench -- NAME. */
import packageJson from '../package.json' with { type: 'json' };
import { KronlabError } from '../contract/errors.ts';
import { loadDataset } from '../datasets/node/load.ts';
import { openDawn } from '../gpu-kernels/dawn.ts';
import { openGpu } from '../gpu-kernels/device.ts';
import { createTrainer } from '../training/loop/trainer.ts';
import { comparePeers } from './compare-peers.ts';
import { measureKfac } from './kfac/measure.ts';
import { describeKfac } from './kfac/report.ts';
import { parseOptions, type BenchOptions } from './options.ts';
import { describeRows } from './table.ts';
import { tune } from './tune.ts';

async function runTuning(out: string): Promise<void> {
  const trainer = await createTrainer({
    gpu: await openDawn(),
    host: `Node ${process.versions.node} (Dawn)`,
    appVersion: packageJson.version,
    loadDataset,
  });
  console.error(`adapter: ${trainer.adapter.environment.adapter}`);
  await tune(trainer, out, (line) => console.log(line));
  trainer.dispose();
}

async function runKfac(json: boolean): Promise<void> {
  const gpu = await openGpu(await openDawn());
  const rows = await measureKfac(gpu, (line) => console.error(line));
  console.log(json ? JSON.stringify(rows, null, 2) : describeKfac(rows));
  gpu.device.destroy();
}

async function run(options: BenchOptions): Promise<void> {
  if (options.kind === 'tune') {
    await runTuning(options.out);
    return;
  }
  if (options.kind === 'kfac') {
    await runKfac(options.json);
    return;
  }
  const rows = await comparePeers(options.names, (line) => console.error(line));
  console.log(options.json ? JSON.stringify(rows, null, 2) : describeRows(rows));
}

try {
  await run(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof KronlabError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
