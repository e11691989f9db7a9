/** The one place that knows which host the page runs in: the desktop shell's bridge, or the browser host's socket. */
import type { Client } from '../../contract/api.ts';
import { bridgeTransport, type KronlabBridge } from '../../contract/bridge.ts';
import { createClient } from '../../contract/client.ts';
import { connectBrowserHost } from './browser-host.ts';

declare global {
  interface Window {
    /** Put there by the desktop shell's preload script; absent in a browser. */
    kronlab?: KronlabBridge;
  }
}

/** @param onClosed called once if the line breaks later; the desktop shell's never does while the window lives. */
export async function connectToHost(onClosed: () => void): Promise<Client> {
  if (window.kronlab) return createClient(bridgeTransport(window.kronlab));
  return createClient(await connectBrowserHost(onClosed));
}
