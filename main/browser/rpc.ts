/** The web-socket half of the browser host: calls in, answers and events out. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { toEnvelope } from '../../contract/envelope.ts';
import { decode, encode, requestFrameSchema, type ServerFrame } from '../../contract/wire.ts';
import type { App } from '../services/create-app.ts';
import { readCookie, refuseUnlessOwnPage, type Refusal } from './guards.ts';
import { cookieName } from './http.ts';
import type { KeyRing } from './keys.ts';

export interface RpcContext {
  port(): number;
  app: App;
  keys: KeyRing;
  /** How long a window whose connection broke may take to come back before its runs are given up. */
  graceMs: number;
}

export interface Rpc {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

/** Largest message taken from a page: a batch of metrics is about 100 kB, a comparison of 1000 runs about 1 MB. */
const maxPayload = 16 * 1024 * 1024;

/** Close codes (RFC 6455, 7.4.1). */
const goingAway = 1001;
const normal = 1000;
const badData = 1007;

export function createRpc(context: RpcContext): Rpc {
  const server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  const windows = createWindowBook(context);
  const stop = context.app.subscribe((event, payload) => {
    for (const socket of server.clients) push(socket, { event, payload });
  });
  return {
    upgrade(request, socket, head) {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const client = url.searchParams.get('client') ?? '';
      const refusal = refuseUpgrade(context, request, url.pathname, client);
      if (refusal) {
        refuseSocket(socket, refusal);
        return;
      }
      server.handleUpgrade(request, socket, head, (open) => {
        windows.opened(client);
        open.on('message', (data, isBinary) => void receive(context.app, open, client, data, isBinary));
        open.on('close', (code) => windows.closed(client, code));
        // `close` follows with its code; nothing is left to do here, and without a listener the process would end.
        open.on('error', () => open.terminate());
      });
    },
    close() {
      stop();
      windows.close();
      for (const socket of server.clients) sayGoodbye(socket);
      server.close();
    },
  };
}

const goodbyeMs = 1000;

/** Says goodbye, and hangs up on a page too busy to answer it. */
function sayGoodbye(socket: WebSocket): void {
  socket.close(goingAway);
  const timer = setTimeout(() => socket.terminate(), goodbyeMs);
  socket.once('close', () => clearTimeout(timer));
}

function refuseUpgrade(
  context: RpcContext,
  request: IncomingMessage,
  pathname: string,
  client: string,
): Refusal | null {
  const foreign = refuseUnlessOwnPage(request.headers, context.port());
  if (foreign) return foreign;
  if (pathname !== '/rpc') return { status: 404, reason: 'No such socket.' };
  const cookie = readCookie(request.headers.cookie, cookieName(context.port()));
  if (!context.keys.isValidCookie(cookie))
    return { status: 401, reason: 'Open the lab from its terminal again.' };
  if (!/^[\w-]{8,64}$/.test(client))
    return { status: 400, reason: 'client: 8 to 64 letters, digits or hyphens.' };
  return null;
}

function refuseSocket(socket: Duplex, { status, reason }: Refusal): void {
  socket.on('error', () => socket.destroy());
  const body = `${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

async function receive(
  app: App,
  socket: WebSocket,
  client: string,
  data: RawData,
  isBinary: boolean,
): Promise<void> {
  const frame = isBinary ? null : readFrame(textOf(data));
  if (frame === null) {
    socket.close(badData, 'not a call');
    return;
  }
  const reply = await toEnvelope(() => app.handle(frame.name, frame.input, client));
  push(socket, { id: frame.id, reply });
}

/** `ws` hands text over as bytes, in one piece or several. */
function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8');
}

function readFrame(text: string) {
  try {
    return requestFrameSchema.safeParse(decode(text)).data ?? null;
  } catch {
    return null;
  }
}

function push(socket: WebSocket, frame: ServerFrame): void {
  if (socket.readyState === socket.OPEN) socket.send(encode(frame));
}

/**
 * Knows which windows are there. A window that says goodbye (closed, reloaded) is gone at once; one whose connection
 * broke has `graceMs` to come back under the same id.
 */
function createWindowBook({ app, graceMs }: RpcContext) {
  const sockets = new Map<string, number>();
  const leaving = new Map<string, NodeJS.Timeout>();

  function leave(client: string): void {
    leaving.delete(client);
    app.disconnect(client);
  }

  return {
    opened(client: string): void {
      clearTimeout(leaving.get(client));
      leaving.delete(client);
      sockets.set(client, (sockets.get(client) ?? 0) + 1);
    },
    closed(client: string, code: number): void {
      const left = (sockets.get(client) ?? 1) - 1;
      if (left > 0) {
        sockets.set(client, left);
        return;
      }
      sockets.delete(client);
      if (code === goingAway || code === normal) leave(client);
      else leaving.set(client, setTimeout(() => leave(client), graceMs).unref());
    },
    close(): void {
      for (const timer of leaving.values()) clearTimeout(timer);
      leaving.clear();
    },
  };
}
