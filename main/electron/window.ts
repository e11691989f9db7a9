/** The one window: how it is made, what happens when its page crashes, and that it does not close over a live run. */
import type Electron from 'electron';
import type { LiveRuns } from './live-runs.ts';
import { appUrl } from './policy.ts';
import type { ShellApi, ShellWindow } from './shell-api.ts';

export function windowOptions(preload: string): Electron.BrowserWindowConstructorOptions {
  return {
    // The name is what the platform's window-state store remembers size and place by.
    name: 'lab',
    windowStatePersistence: true,
    title: 'Kronlab',
    width: 1280,
    height: 860,
    minWidth: 720,
    minHeight: 480,
    show: false,
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
      // Training goes on behind other windows; its curves should be up to date when the window comes back.
      backgroundThrottling: false,
    },
  };
}

/** Makes the window and starts loading the page. */
export function openWindow(electron: ShellApi, preload: string, live: LiveRuns): ShellWindow {
  const window = new electron.BrowserWindow(windowOptions(preload));
  window.once('ready-to-show', () => window.show());
  askBeforeClosing(electron, window, live);
  reloadAfterCrash(electron, window);
  void window.loadURL(appUrl);
  return window;
}

function askBeforeClosing({ dialog }: Pick<ShellApi, 'dialog'>, window: ShellWindow, live: LiveRuns): void {
  // The page's own question (a browser would ask it) never shows here and would only keep the window from closing.
  window.webContents.on('will-prevent-unload', (event) => event.preventDefault());
  let asking = false;
  window.on('close', (event) => {
    if (live.count === 0) return;
    event.preventDefault();
    if (asking) return;
    asking = true;
    void dialog
      .showMessageBox({
        type: 'question',
        message: live.count === 1 ? 'A run is training.' : `${live.count} runs are training.`,
        detail: 'Closing the window ends it. Everything up to the last saved step is kept.',
        buttons: ['Keep training', 'Close and end it'],
        defaultId: 0,
        cancelId: 0,
      })
      .then(({ response }) => {
        asking = false;
        if (response === 1) window.destroy();
      });
  });
}

const crashLimit = 3;
const crashWindowMs = 60_000;

/** Chromium restarts its GPU process by itself but not a page's; a page that keeps crashing is left alone. */
function reloadAfterCrash({ dialog }: Pick<ShellApi, 'dialog'>, window: ShellWindow): void {
  let crashes: number[] = [];
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit') return;
    const now = Date.now();
    crashes = [...crashes.filter((at) => now - at < crashWindowMs), now];
    if (crashes.length <= crashLimit) {
      window.webContents.reload();
      return;
    }
    dialog.showErrorBox(
      'The page of the lab keeps crashing',
      `It ended ${crashes.length} times within a minute (${reason}). Runs are kept up to their last saved step; close the window and start the lab again.`,
    );
  });
}

/** Brings the window to the front, for a second start of the app. */
export function showAgain(window: ShellWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}
