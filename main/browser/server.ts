/** The lab for a browser window on this machine: one server on the loopback address, HTTP for the page, a socket for the rest. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KronlabError } from '../../contract/errors.ts';
import type { App } from '../services/create-app.ts';
import { originOf } from './guards.ts';
import { createHttpHandler } from './http.ts';
import { createKeyRing } from './keys.ts';
import { createRpc } from './rpc.ts';

export interface BrowserHostOptions {
  app: App;
  /** Folder of the built renderer. */
  root: string;
  /** 0: a free one. */
  port: number;
  instanceSecret: string;
  graceMs?: number;
}

export interface BrowserHost {
  port: number;
  /** A fresh address with a token that works once. */
  newUrl(): string;
  /** Says goodbye to the windows and stops listening; the app stays open. */
  close(): Promise<void>;
}

/** Throws `unavailable` when the port is taken. */
export async function startBrowserHost(options: BrowserHostOptions): Promise<BrowserHost> {
  const { app, root, instanceSecret, graceMs = 15_000 } = options;
  const keys = createKeyRing();
  const server = createServer();
  const port = () => (server.address() as AddressInfo).port;
  const rpc = createRpc({ port, app, keys, graceMs });
  const handleHttp = createHttpHandler({ app, port, root, keys, instanceSecret });
  server.on('request', (request, response) => void handleHttp(request, response));
  server.on('upgrade', rpc.upgrade);
  server.headersTimeout = 10_000;
  // An upload may be long.
  server.requestTimeout = 600_000;
  await listen(server, options.port);
  return {
    port: port(),
    newUrl: () => `${originOf(port())}/#token=${keys.issueToken()}`,
    close: () =>
      new Promise((resolve) => {
        rpc.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new KronlabError(
          'unavailable',
          `--port ${port} cannot be used (${error.message}). Leave it out to take a free one.`,
        ),
      ),
    );
    // The loopback address and nothing else: other machines must not reach the lab.
    server.listen(port, '127.0.0.1', resolve);
  });
}
