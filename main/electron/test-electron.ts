/**
 * A stand-in for Electron in tests: the parts the shell uses, held to the same type as the real module. Everything
 * that crosses a process boundary in Electron is structured-cloned here too, so that a value that could not travel
 * fails in a test and not on a desktop.
 */
import { EventEmitter } from 'node:events';
import type Electron from 'electron';
import type {
  Preventable,
  ShellApi,
  ShellContents,
  ShellFrame,
  ShellInvokeEvent,
  ShellMenu,
  ShellSession,
  ShellWindow,
} from './shell-api.ts';

type CallHandler = (event: ShellInvokeEvent, ...args: unknown[]) => Promise<unknown>;
type OpenHandler = (details: { url: string }) => { action: 'deny' };

/** An event that remembers whether it was prevented. */
export class FakeEvent implements Preventable {
  defaultPrevented = false;
  readonly url: string;
  constructor(url = '') {
    this.url = url;
  }
  preventDefault(): void {
    this.defaultPrevented = true;
  }
}

export class FakeContents extends EventEmitter implements ShellContents {
  readonly id: number;
  /** The page's side of `send`: its `ipcRenderer`. */
  readonly page = new EventEmitter();
  frame: ShellFrame | null = null;
  reloads = 0;
  openHandler: OpenHandler | null = null;
  #destroyed = false;

  constructor(id: number) {
    super();
    this.id = id;
  }
  send(channel: string, ...args: unknown[]): void {
    if (this.#destroyed) throw new Error('Object has been destroyed');
    this.page.emit(channel, {}, ...structuredClone(args));
  }
  reload(): void {
    this.reloads += 1;
  }
  isDestroyed(): boolean {
    return this.#destroyed;
  }
  setWindowOpenHandler(handler: OpenHandler): void {
    this.openHandler = handler;
  }
  destroy(): void {
    this.#destroyed = true;
    this.emit('destroyed');
  }
}

export class FakeWindow extends EventEmitter implements ShellWindow {
  readonly options: Electron.BrowserWindowConstructorOptions;
  readonly webContents: FakeContents;
  readonly log: string[] = [];
  loadedUrl: string | null = null;
  minimized = false;

  constructor(options: Electron.BrowserWindowConstructorOptions, { app, windows }: FakeElectron) {
    super();
    this.options = options;
    this.webContents = new FakeContents(windows.length + 1);
    windows.push(this);
    app.emit('web-contents-created', {}, this.webContents);
    this.once('closed', () => app.emit('window-all-closed'));
  }
  async loadURL(url: string): Promise<void> {
    this.loadedUrl = url;
    this.webContents.frame = { url, parent: null };
  }
  show(): void {
    this.log.push('show');
  }
  focus(): void {
    this.log.push('focus');
  }
  restore(): void {
    this.log.push('restore');
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  destroy(): void {
    this.webContents.destroy();
    this.emit('closed');
  }
  /** What the window's close button does. */
  close(): void {
    const event = new FakeEvent();
    this.emit('close', event);
    if (!event.defaultPrevented) this.destroy();
  }
}

/** The constructor the shell gets: it takes only options, as the real one does. */
function windowClass(electron: FakeElectron) {
  return class extends FakeWindow {
    constructor(options: Electron.BrowserWindowConstructorOptions) {
      super(options, electron);
    }
  };
}

class FakeSession implements ShellSession {
  request: Parameters<ShellSession['setPermissionRequestHandler']>[0] | null = null;
  check: Parameters<ShellSession['setPermissionCheckHandler']>[0] | null = null;
  device: (() => boolean) | null = null;
  setPermissionRequestHandler(handler: NonNullable<FakeSession['request']>): void {
    this.request = handler;
  }
  setPermissionCheckHandler(handler: NonNullable<FakeSession['check']>): void {
    this.check = handler;
  }
  setDevicePermissionHandler(handler: () => boolean): void {
    this.device = handler;
  }
}

class FakeApp extends EventEmitter {
  readonly log: string[] = [];
  readonly switches: Record<string, string> = {};
  readonly commandLine = {
    appendSwitch: (name: string, value = ''): void => {
      this.beforeReady(`switch ${name}`);
      this.switches[name] = value;
    },
  };
  isFirstInstance = true;
  #ready = false;

  beforeReady(what: string): void {
    if (this.#ready) throw new Error(`${what} came after the app was ready`);
    this.log.push(what);
  }
  requestSingleInstanceLock(): boolean {
    this.log.push('lock');
    return this.isFirstInstance;
  }
  enableSandbox(): void {
    this.beforeReady('sandbox');
  }
  disableDomainBlockingFor3DAPIs(): void {
    this.beforeReady('3d');
  }
  setPath(name: 'userData', path: string): void {
    this.beforeReady(`${name} ${path}`);
  }
  setAppUserModelId(id: string): void {
    this.log.push(`id ${id}`);
  }
  async whenReady(): Promise<void> {
    await Promise.resolve();
    this.#ready = true;
  }
  quit(): void {
    this.log.push('quit');
    this.emit('will-quit');
  }
}

export class FakeElectron {
  readonly app = new FakeApp();
  readonly windows: FakeWindow[] = [];
  readonly schemes: Electron.CustomScheme[] = [];
  readonly protocols = new Map<string, (request: Request) => Promise<Response>>();
  readonly calls = new Map<string, CallHandler>();
  readonly opened: string[] = [];
  readonly errors: { title: string; content: string }[] = [];
  readonly questions: Electron.MessageBoxOptions[] = [];
  readonly awake = new Set<number>();
  readonly choices: Electron.OpenDialogOptions[] = [];
  /** What the next open dialog is answered with; null: cancelled. */
  chosen: string[] | null = null;
  /** Where files of the page lie; others have no path, as in Electron. */
  readonly filePaths = new Map<File, string>();
  readonly session = { defaultSession: new FakeSession() };
  menu: ShellMenu | null = null;
  menuTemplate: Electron.MenuItemConstructorOptions[] = [];
  /** The button the next message box is answered with. */
  answer = 0;

  readonly api = this.#api() satisfies ShellApi;

  /** What the preload script imports from Electron, on the page of `contents`; `exposed` is what the page gets. */
  pageSide(contents: FakeContents) {
    const exposed: Record<string, unknown> = {};
    return {
      exposed,
      contextBridge: {
        exposeInMainWorld: (name: string, value: unknown): void => {
          exposed[name] = value;
        },
      },
      webUtils: { getPathForFile: (file: File): string => this.filePaths.get(file) ?? '' },
      ipcRenderer: {
        invoke: async (channel: string, ...args: unknown[]): Promise<unknown> => {
          const handler = this.calls.get(channel);
          if (!handler) throw new Error(`No handler registered for '${channel}'`);
          const event = { sender: { id: contents.id }, senderFrame: contents.frame };
          return structuredClone(await handler(event, ...structuredClone(args)));
        },
        on: (channel: string, listener: (...args: unknown[]) => void) => contents.page.on(channel, listener),
        removeListener: (channel: string, listener: (...args: unknown[]) => void) =>
          contents.page.removeListener(channel, listener),
      },
    };
  }

  #api() {
    return {
      app: this.app,
      BrowserWindow: windowClass(this),
      protocol: {
        registerSchemesAsPrivileged: (schemes: Electron.CustomScheme[]) => {
          this.app.beforeReady('schemes');
          this.schemes.push(...schemes);
        },
        handle: (scheme: string, handler: (request: Request) => Promise<Response>) => {
          this.protocols.set(scheme, handler);
        },
      },
      session: this.session,
      ipcMain: {
        handle: (channel: string, handler: CallHandler) => {
          if (this.calls.has(channel))
            throw new Error(`Attempted to register a second handler for '${channel}'`);
          this.calls.set(channel, handler);
        },
      },
      Menu: {
        buildFromTemplate: (template: Electron.MenuItemConstructorOptions[]) => {
          this.menuTemplate = template;
          return { items: [] };
        },
        setApplicationMenu: (menu: ShellMenu | null) => {
          this.menu = menu;
        },
      },
      dialog: {
        showMessageBox: async (options: Electron.MessageBoxOptions) => {
          this.questions.push(options);
          return { response: this.answer };
        },
        showOpenDialog: async (options: Electron.OpenDialogOptions) => {
          this.choices.push(options);
          return { canceled: this.chosen === null, filePaths: this.chosen ?? [] };
        },
        showErrorBox: (title: string, content: string) => {
          this.errors.push({ title, content });
        },
      },
      shell: {
        openExternal: async (url: string) => {
          this.opened.push(url);
        },
      },
      powerSaveBlocker: {
        start: () => {
          const id = this.awake.size + 1;
          this.awake.add(id);
          return id;
        },
        stop: (id: number) => this.awake.delete(id),
      },
    };
  }
}
