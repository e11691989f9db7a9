/** A process to be killed: appends batches to a run for ever and says on standard output which ones were acknowledged. */
import { openStore } from './store.ts';
import { batchOf } from './test-batch.ts';

const [path = ''] = process.argv.slice(2);
const store = openStore({ path, host: 'direct' });
store.transaction(() => {
  const environment = {
    adapter: 'a',
    vendor: 'v',
    architecture: '',
    software: true,
    host: 'h',
    appVersion: '0',
  };
  const owner = { session: store.session, client: 'crash' };
  store.runs.begin('crash', { atMs: Date.now(), environment, layers: [], owner });
});

for (let batch = 0; ; batch++) {
  const rows = Array.from({ length: 50 }, (_, i) => ['train.loss', batch * 50 + i, batch] as const);
  store.transaction(() => store.metrics.append('crash', batchOf(rows)));
  process.stdout.write(`${batch}\n`);
  // Lets the line out before the next batch; standard output to a pipe is written between turns.
  await new Promise(setImmediate);
}
