import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { insertRun, openTestStore, testDatabasePath } from './test-store.ts';

/** Lets the child acknowledge `batches`, kills it in the middle of its work, and says what it acknowledged last. */
async function killDuringAppends(path: string, batches: number): Promise<number> {
  const script = fileURLToPath(new URL('./test-crash-child.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledged = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (acknowledged >= batches) child.kill('SIGKILL');
  }
  return acknowledged;
}

describe('a process killed while it saves', () => {
  it.each([3, 20, 57])('loses no batch it had acknowledged (after %i)', async (batches) => {
    const path = testDatabasePath();
    const planner = openTestStore({ path });
    insertRun(planner, 'crash');
    const acknowledged = await killDuringAppends(path, batches);
    expect(acknowledged).toBeGreaterThanOrEqual(batches);

    // The next process to open the store finds the dead one's run and says so; the planner lives on all the while.
    const store = openTestStore({ path });
    const { values } = store.metrics.series('crash', 'train.loss');
    const perBatch = Map.groupBy(values, (batch) => batch);
    for (let batch = 0; batch <= acknowledged; batch++) expect(perBatch.get(batch)).toHaveLength(50);
    expect([...perBatch.values()].every((rows) => rows.length === 50)).toBe(true);

    const run = store.runs.get('crash');
    expect(run).toMatchObject({
      status: 'interrupted',
      error: expect.stringContaining('everything saved up to then'),
    });
    expect(run?.metrics[0]).toMatchObject({ n: values.length, last: values.at(-1) });
    expect(store.events.list('crash').map((event) => event.code)).toEqual(['interrupted']);
    expect(store.notices).toEqual([]);
  });
});
