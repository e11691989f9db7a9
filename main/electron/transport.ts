/** The main process's end of the contract over Electron's IPC: who may call, and how answers and events travel. */
import { toEnvelope } from '../../contract/envelope.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { App } from '../services/create-app.ts';
import { callChannel, eventChannel } from './channels.ts';
import type { LiveRuns } from './live-runs.ts';
import { isTrustedSender } from './policy.ts';
import type { ShellApi, ShellContents } from './shell-api.ts';

/** The caller's name towards the services: one per window. */
export const clientOf = (contents: { id: number }): string => `window-${contents.id}`;

/** Answers the calls of every window. Call once. */
export function serveCalls({ ipcMain }: Pick<ShellApi, 'ipcMain'>, app: App, live: LiveRuns): void {
  ipcMain.handle(callChannel, (event, name, input) =>
    toEnvelope(async () => {
      if (!isTrustedSender(event.senderFrame) || typeof name !== 'string') {
        throw new KronlabError('invalid', 'Only the page of the lab itself may call the lab.');
      }
      const client = clientOf(event.sender);
      const answer = await app.handle(name, input, client);
      live.called(client, name, input);
      return answer;
    }),
  );
}

/** Passes events on to a window for as long as it lives, and tells the services when its page goes away. */
export function connectContents(contents: ShellContents, app: App, live: LiveRuns): void {
  const client = clientOf(contents);
  const unsubscribe = app.subscribe((event, payload) => {
    if (!contents.isDestroyed()) contents.send(eventChannel, event, payload);
  });
  const gone = () => {
    live.disconnected(client);
    app.disconnect(client);
  };
  // A reload ends the page's training worker; moving within the page does not.
  contents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (isMainFrame && !isSameDocument) gone();
  });
  contents.on('render-process-gone', gone);
  contents.on('destroyed', () => {
    unsubscribe();
    gone();
  });
}
