/**
 * Runs in the sandbox before the page and puts one object on it. Everything else of Electron stays out of the page's
 * reach: no event objects, no channel names, no raw `ipcRenderer`.
 */
import { contextBridge, ipcRenderer } from 'electron';
import type { KronlabBridge } from '../../contract/bridge.ts';
import { callChannel, eventChannel } from './channels.ts';

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
};

contextBridge.exposeInMainWorld('kronlab', bridge);
