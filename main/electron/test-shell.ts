/** Boots the real shell against the fake Electron, on a data folder of its own; for tests. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { bridgeTransport, type KronlabBridge } from '../../contract/bridge.ts';
import type { Transport } from '../../contract/api.ts';
import { bundledDirectory } from '../services/create-app.ts';
import { boot, type ShellPaths } from './boot.ts';
import { FakeElectron, type FakeContents, type FakeWindow } from './test-electron.ts';

/** Loads the real preload script into the page of `contents`, as Electron would, and answers with what the page sees. */
export async function loadPreload(
  electron: FakeElectron,
  contents: FakeContents,
): Promise<Record<string, unknown>> {
  const { exposed, contextBridge, ipcRenderer, webUtils } = electron.pageSide(contents);
  vi.resetModules();
  vi.doMock('electron', () => ({ contextBridge, ipcRenderer, webUtils }));
  await import('./preload.ts');
  vi.doUnmock('electron');
  return exposed;
}

export async function pageTransport(electron: FakeElectron, contents: FakeContents): Promise<Transport> {
  const { kronlab } = await loadPreload(electron, contents);
  return bridgeTransport(kronlab as KronlabBridge);
}

export interface TestShell {
  electron: FakeElectron;
  paths: ShellPaths;
  /** The one window; throws when none was opened. */
  window(): FakeWindow;
  dispose(): Promise<void>;
}

export async function bootTestShell(
  prepare: (electron: FakeElectron, paths: ShellPaths) => void | Promise<void> = () => undefined,
  platform: NodeJS.Platform = 'linux',
): Promise<TestShell> {
  const folder = await mkdtemp(join(tmpdir(), 'kronlab-shell-'));
  const paths: ShellPaths = {
    dataDir: join(folder, 'data'),
    userData: join(folder, 'data', 'electron'),
    renderer: folder,
    preload: join(folder, 'preload.cjs'),
    bundled: bundledDirectory,
  };
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Kronlab</title>');
  const electron = new FakeElectron();
  await prepare(electron, paths);
  await boot(electron.api, paths, platform);
  return {
    electron,
    paths,
    window() {
      const [window] = electron.windows;
      if (!window) throw new Error('The shell opened no window.');
      return window;
    },
    async dispose() {
      electron.app.emit('will-quit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
