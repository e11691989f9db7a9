import { describe, expect, it } from 'vitest';
import { describeTransport } from '../../contract/transport-suite.ts';
import { createApp } from '../services/create-app.ts';
import { importText } from '../services/test-inbox.ts';
import { callChannel } from './channels.ts';
import { trackLiveRuns } from './live-runs.ts';
import { appUrl } from './policy.ts';
import { FakeElectron, type FakeContents } from './test-electron.ts';
import { loadPreload, pageTransport } from './test-shell.ts';
import { connectContents, serveCalls } from './transport.ts';

function openTwoWindows() {
  const electron = new FakeElectron();
  const app = createApp({ dataDir: '', databasePath: ':memory:', host: 'electron', checkOutputs: true });
  const live = trackLiveRuns(electron.api);
  serveCalls(electron.api, app, live);
  const open = (): FakeContents => {
    const { webContents } = new electron.api.BrowserWindow({});
    webContents.frame = { url: appUrl, parent: null };
    connectContents(webContents, app, live);
    return webContents;
  };
  return { electron, app, first: open(), second: open() };
}

describeTransport('the IPC of Electron', async () => {
  const { electron, app, first, second } = openTwoWindows();
  const transport = await pageTransport(electron, first);
  const other = await pageTransport(electron, second);
  return {
    transport,
    second: other,
    importText: (length) => importText(app, length),
    async dispose() {
      transport.close();
      other.close();
      app.close();
    },
  };
});

describe('the door', () => {
  it('puts one object with a few functions on the page', async () => {
    const { electron, app, first } = openTwoWindows();
    const exposed = await loadPreload(electron, first);
    expect(Object.keys(exposed)).toEqual(['kronlab']);
    expect(Object.keys(exposed['kronlab'] as object).sort()).toEqual([
      'chooseFiles',
      'dropFiles',
      'invoke',
      'subscribe',
    ]);
    app.close();
  });

  it.each([
    ['another origin', { url: 'https://evil.example/', parent: null }],
    ['a frame inside the page', { url: appUrl, parent: {} }],
    ['a frame that is gone', null],
  ])('is closed to %s', async (_who, frame) => {
    const { electron, app, first } = openTwoWindows();
    first.frame = frame;
    const transport = await pageTransport(electron, first);
    await expect(transport.invoke('app.info', {})).rejects.toMatchObject({
      code: 'invalid',
      message: 'Only the page of the lab itself may call the lab.',
    });
    app.close();
  });

  it('refuses a name that is no text', async () => {
    const { electron, app, first } = openTwoWindows();
    const answer = await electron
      .pageSide(first)
      .ipcRenderer.invoke(callChannel, { toString: 'app.info' }, {});
    expect(answer).toMatchObject({ ok: false, error: { code: 'invalid' } });
    app.close();
  });

  it('sends nothing to a window that is gone', () => {
    const { app, first, second } = openTwoWindows();
    first.destroy();
    expect(() => second.destroy()).not.toThrow();
    app.close();
  });
});
