/** Applies the policy to everything Electron creates, including contents no code of ours asked for. */
import { allowsPermission, externalLink, isAppUrl } from './policy.ts';
import type { Preventable, ShellApi, ShellContents } from './shell-api.ts';

/** Call before the first window exists. */
export function guardContents({ app, shell }: Pick<ShellApi, 'app' | 'shell'>): void {
  app.on('web-contents-created', (_event, contents) => {
    guardNavigation(contents);
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      const link = externalLink(url);
      if (link !== null) void shell.openExternal(link);
      return { action: 'deny' };
    });
  });
}

function guardNavigation(contents: ShellContents): void {
  const stayHome = (details: Preventable & { url: string }) => {
    if (!isAppUrl(details.url)) details.preventDefault();
  };
  contents.on('will-navigate', stayHome);
  contents.on('will-frame-navigate', stayHome);
  contents.on('will-redirect', stayHome);
}

export function guardPermissions({ session }: Pick<ShellApi, 'session'>): void {
  const { defaultSession } = session;
  defaultSession.setPermissionRequestHandler((_contents, permission, callback, details) => {
    callback(allowsPermission(permission, details.requestingUrl ?? ''));
  });
  defaultSession.setPermissionCheckHandler((_contents, permission, origin) =>
    allowsPermission(permission, origin),
  );
  defaultSession.setDevicePermissionHandler(() => false);
}
