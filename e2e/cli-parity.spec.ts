/** The command line and the window are two faces of one lab: on one database they write the same files, byte for byte. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseName } from '../main/services/create-app.ts';
import { nodeArguments } from '../tools/node24.mjs';
import { ComparePage } from './support/compare-page.ts';
import { readDownloads } from './support/csv.ts';
import { expect, test } from './support/lab.ts';
import { trainComparison, twoOptimisers } from './support/small-comparison.ts';

/** Runs the command line as `npm run kronlab` does; its output and exit code. */
function kronlab(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, nodeArguments('cli/main.ts', args), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  }
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output: said.join('') }));
  });
}

test('the command line exports what the window exports', async ({ lab, labPage: page }) => {
  await trainComparison(page, twoOptimisers);
  await page.getByRole('button', { name: 'Compare them' }).click();
  await page.waitForURL(/\/compare\?comparison=/);
  const comparison = new URL(page.url()).searchParams.get('comparison') ?? '';
  const files = await readDownloads(await new ComparePage(page).export(/^All of these/, 4));

  const out = join(lab.dataDir, 'exported');
  const database = join(lab.dataDir, databaseName);
  const { code, output } = await kronlab([
    'export',
    '--comparison',
    comparison,
    '--db',
    database,
    '--out',
    out,
  ]);
  expect(output).toContain('metrics_long.csv');
  expect(code).toBe(0);
  for (const name of ['runs.csv', 'metrics_long.csv', 'comparison.csv', 'comparison.svg']) {
    expect(await readFile(join(out, name), 'utf8'), name).toBe(files.get(name));
  }
});
