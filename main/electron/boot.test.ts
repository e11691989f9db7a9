import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../contract/runs.ts';
import { createClient } from '../../contract/client.ts';
import { presetRuns, presets } from '../../contract/presets.ts';
import { databaseName } from '../services/create-app.ts';
import { appUrl } from './policy.ts';
import { FakeEvent, type FakeElectron } from './test-electron.ts';
import { bootTestShell, pageTransport, type TestShell } from './test-shell.ts';

const environment: Environment = {
  adapter: 'Test adapter',
  vendor: 'test',
  architecture: '',
  software: true,
  host: 'Node',
  appVersion: '0.0.0',
};

let shell: TestShell;
afterEach(() => shell.dispose());

async function startRun() {
  const client = createClient(await pageTransport(shell.electron, shell.window().webContents));
  const plan = presetRuns(presets['first-light']!).slice(0, 1);
  const { runs } = await client.call('comparisons.create', { name: 'Live', runs: plan });
  const id = runs[0]!.id;
  await client.call('runs.start', { id, environment, layers: [] });
  const finish = () =>
    client.call('runs.finish', { id, status: 'finished', activeMs: 1, lastStep: 1, error: null });
  return { client, id, finish };
}

describe('boot', () => {
  it('opens one hardened window, serves the page to it and answers a call', async () => {
    shell = await bootTestShell();
    const { electron, paths } = shell;
    const window = shell.window();
    expect(window.options.webPreferences).toEqual({
      preload: paths.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
      backgroundThrottling: false,
    });
    expect(window.loadedUrl).toBe(appUrl);
    expect(window.log).toEqual([]);
    window.emit('ready-to-show');
    expect(window.log).toEqual(['show']);

    const page = await electron.protocols.get('app')?.(new Request(appUrl));
    expect([page?.status, await page?.text()]).toEqual([200, '<!doctype html><title>Kronlab</title>']);

    const client = createClient(await pageTransport(electron, window.webContents));
    const info = await client.call('app.info', {});
    expect(info).toMatchObject({ host: 'electron', databasePath: join(paths.dataDir, databaseName) });
  });

  it('does what only counts early before the app is ready, and takes the lock before anything else of weight', async () => {
    shell = await bootTestShell();
    const { electron, paths } = shell;
    expect(electron.app.log).toEqual([
      `userData ${paths.userData}`,
      'lock',
      'id org.kronlab.app',
      'sandbox',
      '3d',
      'switch enable-unsafe-webgpu',
      'switch enable-features',
      'schemes',
    ]);
    expect(electron.app.switches).toEqual({ 'enable-unsafe-webgpu': '', 'enable-features': 'Vulkan' });
    expect(electron.schemes).toEqual([
      {
        scheme: 'app',
        privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true, stream: true },
      },
    ]);
  });

  it('needs no WebGPU switches outside Linux', async () => {
    shell = await bootTestShell(undefined, 'darwin');
    expect(shell.electron.app.switches).toEqual({});
    expect(shell.electron.menuTemplate[0]).toEqual({ role: 'appMenu' });
  });

  it('ends at once as a second instance and leaves the database alone', async () => {
    shell = await bootTestShell((electron) => {
      electron.app.isFirstInstance = false;
    });
    expect(shell.electron.app.log.slice(1)).toEqual(['lock', 'quit']);
    expect(shell.electron.windows).toEqual([]);
  });

  it('comes to the front when it is started again', async () => {
    shell = await bootTestShell();
    shell.window().minimized = true;
    shell.electron.app.emit('second-instance');
    expect(shell.window().log).toEqual(['restore', 'show', 'focus']);
  });

  it('says why the database cannot be opened, and ends', async () => {
    shell = await bootTestShell(async (_electron, { dataDir }) => {
      await mkdir(dataDir);
      await mkdir(join(dataDir, databaseName));
    });
    expect(shell.electron.errors).toHaveLength(1);
    expect(shell.electron.errors[0]?.content).toContain(databaseName);
    expect(shell.electron.windows).toEqual([]);
    expect(shell.electron.app.log).toContain('quit');
  });
});

describe('guards', () => {
  it('keep the page at home', async () => {
    shell = await bootTestShell();
    const { webContents } = shell.window();
    const prevented = (event: string, url: string) => {
      const details = new FakeEvent(url);
      webContents.emit(event, details);
      return details.defaultPrevented;
    };
    for (const event of ['will-navigate', 'will-frame-navigate', 'will-redirect']) {
      expect(prevented(event, 'https://evil.example/?next=app://bundle/')).toBe(true);
      expect(prevented(event, 'file:///etc/passwd')).toBe(true);
      expect(prevented(event, appUrl)).toBe(false);
    }
    expect(prevented('will-attach-webview', '')).toBe(true);
  });

  it('open no windows, and only listed links outside', async () => {
    shell = await bootTestShell();
    const { openHandler } = shell.window().webContents;
    expect(openHandler?.({ url: 'https://evil.example/' })).toEqual({ action: 'deny' });
    expect(openHandler?.({ url: appUrl })).toEqual({ action: 'deny' });
    expect(shell.electron.opened).toEqual([]);
    expect(openHandler?.({ url: 'https://arxiv.org/abs/2311.00636' })).toEqual({ action: 'deny' });
    expect(shell.electron.opened).toEqual(['https://arxiv.org/abs/2311.00636']);
  });

  it('grant what the policy grants, and no devices', async () => {
    shell = await bootTestShell();
    const { request, check, device } = shell.electron.session.defaultSession;
    const asked = (permission: string, requestingUrl?: string) => {
      let granted: boolean | null = null;
      request?.(
        {},
        permission,
        (answer) => (granted = answer),
        requestingUrl === undefined ? {} : { requestingUrl },
      );
      return granted;
    };
    expect(asked('fullscreen', appUrl)).toBe(true);
    expect(asked('fullscreen')).toBe(false);
    expect(asked('media', appUrl)).toBe(false);
    expect(check?.(null, 'clipboard-sanitized-write', 'app://bundle/')).toBe(true);
    expect(check?.(null, 'clipboard-read', 'app://bundle/')).toBe(false);
    expect(device?.()).toBe(false);
  });
});

describe('a live run', () => {
  const isAwake = (electron: FakeElectron) => electron.awake.size > 0;

  it('keeps the computer awake until it ends', async () => {
    shell = await bootTestShell();
    expect(isAwake(shell.electron)).toBe(false);
    const { finish } = await startRun();
    expect(isAwake(shell.electron)).toBe(true);
    await finish();
    expect(isAwake(shell.electron)).toBe(false);
  });

  it('makes closing ask, and stays when told to', async () => {
    shell = await bootTestShell();
    await startRun();
    shell.window().close();
    shell.window().close();
    expect(shell.electron.questions).toHaveLength(1);
    expect(shell.electron.questions[0]).toMatchObject({
      message: 'A run is training.',
      cancelId: 0,
      defaultId: 0,
    });
    await Promise.resolve();
    expect(shell.window().webContents.isDestroyed()).toBe(false);
  });

  it('ends with the window when told to', async () => {
    shell = await bootTestShell();
    await startRun();
    shell.electron.answer = 1;
    shell.window().close();
    await expect.poll(() => shell.window().webContents.isDestroyed()).toBe(true);
    expect(shell.electron.app.log.at(-1)).toBe('quit');
    expect(isAwake(shell.electron)).toBe(false);
  });

  it('does not ask once it has ended', async () => {
    shell = await bootTestShell();
    const { finish } = await startRun();
    await finish();
    shell.window().close();
    expect(shell.electron.questions).toEqual([]);
    expect(shell.window().webContents.isDestroyed()).toBe(true);
  });

  it('is asked about by the shell alone: the page cannot keep its window open', async () => {
    shell = await bootTestShell();
    const event = new FakeEvent();
    shell.window().webContents.emit('will-prevent-unload', event);
    expect(event.defaultPrevented).toBe(true);
  });

  it('is interrupted by a reload, not by moving within the page', async () => {
    shell = await bootTestShell();
    const { client, id } = await startRun();
    const { webContents } = shell.window();
    webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: true });
    webContents.emit('did-start-navigation', { isMainFrame: false, isSameDocument: false });
    expect((await client.call('runs.get', { id })).run.status).toBe('running');
    webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
    expect((await client.call('runs.get', { id })).run.status).toBe('interrupted');
    expect(isAwake(shell.electron)).toBe(false);
  });
});

describe('a crashed page', () => {
  it('is loaded again, but not for ever', async () => {
    shell = await bootTestShell();
    const { webContents } = shell.window();
    webContents.emit('render-process-gone', {}, { reason: 'clean-exit' });
    expect(webContents.reloads).toBe(0);
    for (let crash = 0; crash < 4; crash++) webContents.emit('render-process-gone', {}, { reason: 'oom' });
    expect(webContents.reloads).toBe(3);
    expect(shell.electron.errors[0]?.content).toContain('4 times within a minute (oom)');
  });
});
