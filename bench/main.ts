/** Entry of the benchmarks and measured tables: npm run bench -- NAME. */
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { loadDataset } from '../datasets/node/load.ts';
import { openDawn } from '../gpu-kernels/dawn.ts';
import { createTrainer } from '../training/loop/trainer.ts';
import { tune } from './tune.ts';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
const [name] = positionals;
if (name !== 'tune') {
  console.error(`unknown benchmark ${name ?? '(none)'}; known: tune --out FILE`);
  process.exit(2);
}

const host = `Node ${process.versions.node} (Dawn)`;
const trainer = await createTrainer({
  gpu: await openDawn(),
  host,
  appVersion: packageJson.version,
  loadDataset,
});
console.error(`adapter: ${trainer.adapter.environment.adapter}`);
await tune(trainer, values.out ?? 'tuning.jsonl', (line) => console.log(line));
trainer.dispose();
