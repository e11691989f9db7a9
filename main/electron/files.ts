/** Files of this machine into an inbox: only those that a person chose in the native dialog or dropped on the window. */
import type { OpenDialogOptions } from 'electron';
import type { ChosenKind } from '../../contract/bridge.ts';
import { toEnvelope } from '../../contract/envelope.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { App } from '../services/create-app.ts';
import { chooseChannel, dropChannel } from './channels.ts';
import { isTrustedSender } from './policy.ts';
import type { ShellApi, ShellInvokeEvent } from './shell-api.ts';
import { clientOf } from './transport.ts';

/** Answers both channels. Call once. */
export function serveFiles({ ipcMain, dialog }: Pick<ShellApi, 'ipcMain' | 'dialog'>, app: App): void {
  const serve = (channel: string, pathsOf: (what: unknown) => Promise<string[]>) =>
    ipcMain.handle(channel, (event, inbox, what) =>
      toEnvelope(async () => {
        const client = trustedClient(event);
        if (typeof inbox !== 'string') throw new KronlabError('invalid', 'inbox: must be a text');
        app.inboxes.check(inbox, client);
        const paths = await pathsOf(what);
        await app.inboxes.add(inbox, client, paths);
        return { added: paths.length };
      }),
    );

  // The preload script made these of `File` objects; a page cannot make a `File` that has a path.
  serve(dropChannel, async (paths) => {
    if (Array.isArray(paths) && paths.every((path) => typeof path === 'string' && path !== ''))
      return paths as string[];
    throw new KronlabError('invalid', 'Only files and folders of this machine can be dropped here.');
  });
  serve(chooseChannel, async (kind) => {
    const isKnown = typeof kind === 'string' && Object.hasOwn(questions, kind);
    const { canceled, filePaths } = await dialog.showOpenDialog(
      questions[isKnown ? (kind as ChosenKind) : 'files'],
    );
    return canceled ? [] : filePaths;
  });
}

/** What the native dialog asks for. */
const questions: Record<ChosenKind, OpenDialogOptions> = {
  files: {
    title: 'Choose the files of a data set',
    buttonLabel: 'Import',
    properties: ['openFile', 'multiSelections'],
  },
  folder: {
    title: 'Choose a folder that is a data set',
    buttonLabel: 'Import',
    properties: ['openDirectory'],
  },
  weights: {
    title: 'Choose a file of weights',
    buttonLabel: 'Start from it',
    filters: [{ name: 'safetensors', extensions: ['safetensors'] }],
    properties: ['openFile'],
  },
};

function trustedClient(event: ShellInvokeEvent): string {
  if (isTrustedSender(event.senderFrame)) return clientOf(event.sender);
  throw new KronlabError('invalid', 'Only the page of the lab itself may call the lab.');
}
