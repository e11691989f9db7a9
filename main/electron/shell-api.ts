/**
 * The part of Electron the shell uses, and nothing else. `main.ts` passes the real module as this type, so the
 * compiler holds it against Electron's own declarations; tests pass a fake of the same type.
 */
import type Electron from 'electron';

export interface Preventable {
  preventDefault(): void;
}

export interface ShellFrame {
  readonly url: string;
  /** Null for the page itself, the embedding frame for anything inside it. */
  readonly parent: unknown;
}

export interface ShellInvokeEvent {
  readonly sender: { readonly id: number };
  /** Null once the frame has navigated away or is gone. */
  readonly senderFrame: ShellFrame | null;
}

export interface ShellContents {
  readonly id: number;
  send(channel: string, ...args: unknown[]): void;
  reload(): void;
  isDestroyed(): boolean;
  setWindowOpenHandler(handler: (details: { url: string }) => { action: 'deny' }): void;
  on(event: 'will-navigate', listener: (details: Preventable & { url: string }) => void): unknown;
  on(event: 'will-frame-navigate', listener: (details: Preventable & { url: string }) => void): unknown;
  on(event: 'will-redirect', listener: (details: Preventable & { url: string }) => void): unknown;
  on(event: 'will-attach-webview', listener: (event: Preventable) => void): unknown;
  on(event: 'will-prevent-unload', listener: (event: Preventable) => void): unknown;
  on(
    event: 'did-start-navigation',
    listener: (details: { isMainFrame: boolean; isSameDocument: boolean }) => void,
  ): unknown;
  on(event: 'render-process-gone', listener: (event: unknown, details: { reason: string }) => void): unknown;
  on(event: 'destroyed', listener: () => void): unknown;
}

export interface ShellWindow {
  readonly webContents: ShellContents;
  loadURL(url: string): Promise<void>;
  show(): void;
  focus(): void;
  restore(): void;
  isMinimized(): boolean;
  destroy(): void;
  on(event: 'close', listener: (event: Preventable) => void): unknown;
  on(event: 'closed', listener: () => void): unknown;
  once(event: 'ready-to-show', listener: () => void): unknown;
}

export interface ShellSession {
  setPermissionRequestHandler(
    handler: (
      contents: unknown,
      permission: string,
      callback: (granted: boolean) => void,
      details: { requestingUrl?: string },
    ) => void,
  ): void;
  setPermissionCheckHandler(
    handler: (contents: unknown, permission: string, origin: string) => boolean,
  ): void;
  setDevicePermissionHandler(handler: () => boolean): void;
}

export type ShellMenu = Pick<Electron.Menu, 'items'>;

export interface ShellApi {
  app: {
    requestSingleInstanceLock(): boolean;
    enableSandbox(): void;
    disableDomainBlockingFor3DAPIs(): void;
    setPath(name: 'userData', path: string): void;
    setAppUserModelId(id: string): void;
    readonly commandLine: { appendSwitch(name: string, value?: string): void };
    whenReady(): Promise<void>;
    quit(): void;
    on(event: 'second-instance', listener: () => void): unknown;
    on(event: 'window-all-closed', listener: () => void): unknown;
    on(event: 'will-quit', listener: () => void): unknown;
    on(event: 'web-contents-created', listener: (event: unknown, contents: ShellContents) => void): unknown;
  };
  BrowserWindow: new (options: Electron.BrowserWindowConstructorOptions) => ShellWindow;
  protocol: {
    registerSchemesAsPrivileged(schemes: Electron.CustomScheme[]): void;
    handle(scheme: string, handler: (request: Request) => Promise<Response>): void;
  };
  session: { readonly defaultSession: ShellSession };
  ipcMain: {
    handle(
      channel: string,
      listener: (event: ShellInvokeEvent, ...args: unknown[]) => Promise<unknown>,
    ): void;
  };
  Menu: {
    buildFromTemplate(template: Electron.MenuItemConstructorOptions[]): ShellMenu;
    setApplicationMenu(menu: ShellMenu | null): void;
  };
  dialog: {
    showMessageBox(options: Electron.MessageBoxOptions): Promise<{ response: number }>;
    showOpenDialog(options: Electron.OpenDialogOptions): Promise<{ canceled: boolean; filePaths: string[] }>;
    showErrorBox(title: string, content: string): void;
  };
  shell: { openExternal(url: string): Promise<void> };
  powerSaveBlocker: { start(type: 'prevent-app-suspension'): number; stop(id: number): unknown };
}
