import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KronlabBridge } from '../../contract/bridge.ts';
import { createApp, type App } from '../services/create-app.ts';
import { serveFiles } from './files.ts';
import { appUrl } from './policy.ts';
import { FakeElectron, type FakeContents } from './test-electron.ts';
import { loadPreload } from './test-shell.ts';
import { clientOf } from './transport.ts';

let folder: string;
let electron: FakeElectron;
let app: App;
let page: FakeContents;
let bridge: KronlabBridge;
let inbox: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-files-'));
  path = join(folder, 'm.csv');
  await writeFile(path, 'a,y\n1,2\n');
  electron = new FakeElectron();
  app = createApp({ dataDir: '', databasePath: ':memory:', host: 'electron', checkOutputs: true });
  serveFiles(electron.api, app);
  page = new electron.api.BrowserWindow({}).webContents;
  page.frame = { url: appUrl, parent: null };
  bridge = (await loadPreload(electron, page))['kronlab'] as KronlabBridge;
  inbox = app.inboxes.open(clientOf(page));
});
afterEach(async () => {
  app.close();
  await rm(folder, { recursive: true });
});

it('takes what was chosen in the native dialog, files or a folder', async () => {
  electron.chosen = [path];
  expect(await bridge.chooseFiles(inbox, 'files')).toEqual({ ok: true, value: { added: 1 } });
  expect(electron.choices.at(-1)?.properties).toEqual(['openFile', 'multiSelections']);
  expect(await app.inboxes.paths(inbox, clientOf(page))).toEqual([path]);
  electron.chosen = null;
  expect(await bridge.chooseFiles(inbox, 'folder')).toEqual({ ok: true, value: { added: 0 } });
  expect(electron.choices.at(-1)?.properties).toEqual(['openDirectory']);
});

it('asks for one file of weights in words of its own', async () => {
  electron.chosen = [path];
  expect(await bridge.chooseFiles(inbox, 'weights')).toEqual({ ok: true, value: { added: 1 } });
  expect(electron.choices.at(-1)).toMatchObject({
    title: 'Choose a file of weights',
    properties: ['openFile'],
    filters: [{ extensions: ['safetensors'] }],
  });
});

it('takes what was dropped, and nothing that has no path', async () => {
  const file = new File(['x'], 'm.csv');
  electron.filePaths.set(file, path);
  expect(await bridge.dropFiles(inbox, [file])).toEqual({ ok: true, value: { added: 1 } });
  expect(await bridge.dropFiles(inbox, [new File(['x'], '/etc/passwd')])).toMatchObject({
    ok: false,
    error: { code: 'invalid' },
  });
});

it('serves the own page and its own inboxes only', async () => {
  electron.chosen = [path];
  const other = app.inboxes.open('window-99');
  expect(await bridge.chooseFiles(other, 'files')).toMatchObject({ error: { code: 'not-found' } });
  expect(electron.choices).toEqual([]);
  page.frame = { url: 'https://evil.example/', parent: null };
  expect(await bridge.chooseFiles(inbox, 'files')).toMatchObject({ error: { code: 'invalid' } });
});
