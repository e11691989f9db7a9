/**
 * Runs in the sandbox before the page and puts one object on it. Everything else of Electron stays out of the page's
 * reach: no event objects, no channel names, no raw `ipcRenderer`.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type { KronlabBridge } from '../../contract/bridge.ts';
import { callChannel, chooseChannel, dropChannel, eventChannel } from './channels.ts';

const bridge: KronlabBridge = {
  invoke: (name, input) => ipcRenderer.invoke(callChannel, name, input),
  subscribe(event, listener) {
    const receive = (_event: unknown, name: unknown, payload: unknown) => {
      if (name === event) listener(payload);
    };
    ipcRenderer.on(eventChannel, receive);
    return () => {
      ipcRenderer.removeListener(eventChannel, receive);
    };
  },
  chooseFiles: (inbox, kind) => ipcRenderer.invoke(chooseChannel, inbox, kind),
  // Here and not in the page: only real files have a path, which a page could otherwise make up.
  dropFiles: (inbox, files) =>
    ipcRenderer.invoke(
      dropChannel,
      inbox,
      files.map((file) => webUtils.getPathForFile(file)),
    ),
};

contextBridge.exposeInMainWorld('kronlab', bridge);
