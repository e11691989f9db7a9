/** A browser host over a real port with an app in memory, and the ways a page would reach it; for tests. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket as NodeSocket } from 'ws';
import { openWebSocket } from '../../contract/web-socket-transport.ts';
import type { Transport } from '../../contract/api.ts';
import { createApp } from '../services/create-app.ts';
import { originOf } from './guards.ts';
import { startBrowserHost } from './server.ts';

export const instanceSecret = 'the secret of this instance';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface HttpQuestion {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export type TestHost = Awaited<ReturnType<typeof openTestHost>>;

export async function openTestHost({ graceMs = 200 } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'kronlab-page-'));
  await writeFile(join(root, 'index.html'), '<!doctype html><title>Kronlab</title>');
  const app = createApp({ dataDir: '', databasePath: ':memory:', host: 'browser', checkOutputs: true });
  const host = await startBrowserHost({ app, root, port: 0, instanceSecret, graceMs });
  const origin = originOf(host.port);

  const sockets: NodeSocket[] = [];
  const ask = (question: HttpQuestion) => askPort(host.port, question);
  return {
    app,
    host,
    origin,
    ask,
    /** Breaks the line that was opened last, as a crash would: without a goodbye. */
    breakLine: () => sockets.at(-1)?.terminate(),
    /** Exchanges a fresh token as the page does; the cookie as the browser would send it back. */
    async enter(): Promise<string> {
      const token = new URLSearchParams(new URL(host.newUrl()).hash.slice(1)).get('token');
      const answer = await ask({
        method: 'POST',
        path: '/session',
        headers: { Origin: origin, 'Content-Type': 'application/json' },
        body: JSON.stringify({ token }),
      });
      return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    },
    connect(cookie: string, client: string, onClosed?: () => void): Promise<Transport> {
      return openWebSocket({
        url: `ws://127.0.0.1:${host.port}/rpc?client=${client}`,
        ...(onClosed && { onClosed }),
        // The one way to send a cookie from Node; its events and methods are those of a page's socket.
        createSocket: (url) => {
          const socket = new NodeSocket(url, { headers: { Cookie: cookie }, origin });
          sockets.push(socket);
          return socket as unknown as WebSocket;
        },
      });
    },
    async close(): Promise<void> {
      await host.close();
      app.close();
      await rm(root, { recursive: true });
    },
  };
}

/** One HTTP request with exactly these headers (`fetch` would set Host and Origin itself). */
export function askPort(
  port: number,
  { method = 'GET', path, headers = {}, body }: HttpQuestion,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
