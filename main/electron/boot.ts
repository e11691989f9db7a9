/** Puts the shell together in the order Electron asks for. The real module comes from `main.ts`, a fake from tests. */
import { KronlabError } from '../../contract/errors.ts';
import { createApp, type App } from '../services/create-app.ts';
import { serveFiles } from './files.ts';
import { guardContents, guardPermissions } from './guards.ts';
import { trackLiveRuns } from './live-runs.ts';
import { installMenu } from './menu.ts';
import { registerAppScheme, serveRenderer } from './protocol.ts';
import type { ShellApi, ShellWindow } from './shell-api.ts';
import { applySwitches } from './switches.ts';
import { connectContents, serveCalls } from './transport.ts';
import { openWindow, showAgain } from './window.ts';

export interface ShellPaths {
  dataDir: string;
  /** Electron's own files (cache, window state), apart from the lab's data. */
  userData: string;
  /** Folder of the built renderer. */
  renderer: string;
  /** The built preload script. */
  preload: string;
  /** Folder of the bundled data sets' files. */
  bundled: string;
}

/**
 * Starts the desktop app. Everything up to the first `await` must happen before Electron is ready. A second instance
 * ends at once, before it could touch the database, and brings the first to the front.
 */
export async function boot(electron: ShellApi, paths: ShellPaths, platform: NodeJS.Platform): Promise<void> {
  const { app } = electron;
  app.setPath('userData', paths.userData);
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  app.setAppUserModelId('org.kronlab.app');
  applySwitches(electron, platform);
  registerAppScheme(electron);
  guardContents(electron);

  let window: ShellWindow | null = null;
  app.on('second-instance', () => {
    if (window !== null) showAgain(window);
  });
  // One window is the app, also on macOS: nothing is left to do without it.
  app.on('window-all-closed', () => app.quit());

  await app.whenReady();
  const lab = openLab(electron, paths);
  if (lab === null) return;
  app.on('will-quit', () => lab.close());
  guardPermissions(electron);
  serveRenderer(electron, paths.renderer);
  installMenu(electron, platform);
  const live = trackLiveRuns(electron);
  serveCalls(electron, lab, live);
  serveFiles(electron, lab);
  window = openWindow(electron, paths.preload, live);
  connectContents(window.webContents, lab, live);
  window.on('closed', () => {
    window = null;
  });
}

/** The services, or null after telling the user why the database cannot be opened. */
function openLab({ app, dialog }: ShellApi, { dataDir, bundled }: ShellPaths): App | null {
  try {
    return createApp({ dataDir, bundledDir: bundled, host: 'electron' });
  } catch (error) {
    dialog.showErrorBox('Kronlab cannot open its database', KronlabError.from(error).message);
    app.quit();
    return null;
  }
}
