/**
 * The contract over a web socket, as a page of the browser host speaks it (it stands here because it needs nothing of a
 * page: any runtime with `WebSocket` will do). One transport is one connection: when it breaks, every call
 * that waits is told so, and whoever opened it decides when to open the next.
 */
import type { ApiEventName, ApiName, Transport } from './api.ts';
import { fromEnvelope } from './envelope.ts';
import { KronlabError } from './errors.ts';
import { decode, encode, serverFrameSchema, type RequestFrame } from './wire.ts';

export interface WebSocketOptions {
  /** e.g. `ws://127.0.0.1:4123/rpc?client=...` */
  url: string;
  /** Called once if the connection ends without `close()`. */
  onClosed?: () => void;
  /** How to open a socket; a page has only the usual way. */
  createSocket?: (url: string) => WebSocket;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: KronlabError): void;
}

const awayText = 'The connection to the lab broke before it answered.';

/** Resolves when the connection stands; rejects with `unavailable` when it cannot be made. */
export function openWebSocket(options: WebSocketOptions): Promise<Transport> {
  const { url, onClosed, createSocket = (address: string) => new WebSocket(address) } = options;
  const socket = createSocket(url);
  return new Promise((resolve, reject) => {
    const refuse = () =>
      reject(new KronlabError('unavailable', 'The lab is not answering, or it does not know this window.'));
    socket.addEventListener('close', refuse, { once: true });
    // `close` follows every error and says all there is to say; some runtimes end the process if nobody listens.
    socket.addEventListener('error', refuse);
    socket.addEventListener(
      'open',
      () => {
        socket.removeEventListener('close', refuse);
        resolve(new WebSocketTransport(socket, onClosed));
      },
      { once: true },
    );
  });
}

class WebSocketTransport implements Transport {
  #socket: WebSocket;
  #waiting = new Map<number, Waiting>();
  #listeners = new Map<string, Set<(payload: unknown) => void>>();
  #nextId = 0;
  #open = true;

  constructor(socket: WebSocket, onClosed: (() => void) | undefined) {
    this.#socket = socket;
    socket.addEventListener('message', (message: MessageEvent<unknown>) => this.#receive(message.data));
    socket.addEventListener('close', () => {
      if (!this.#open) return;
      this.#end();
      onClosed?.();
    });
  }

  invoke(name: ApiName, input: unknown): Promise<unknown> {
    if (!this.#open)
      return Promise.reject(new KronlabError('unavailable', 'The connection to the lab is closed.'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(encode({ id, name, input } satisfies RequestFrame));
    });
  }

  subscribe(event: ApiEventName, listener: (payload: unknown) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  close(): void {
    if (!this.#open) return;
    this.#end();
    this.#socket.close(1000);
  }

  #end(): void {
    this.#open = false;
    this.#listeners.clear();
    for (const { reject } of this.#waiting.values()) reject(new KronlabError('unavailable', awayText));
    this.#waiting.clear();
  }

  #receive(data: unknown): void {
    if (!this.#open) return;
    const frame = serverFrameSchema.parse(decode(String(data)));
    if ('event' in frame) {
      for (const listener of [...(this.#listeners.get(frame.event) ?? [])]) listener(frame.payload);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    try {
      waiting?.resolve(fromEnvelope(frame.reply));
    } catch (error) {
      waiting?.reject(KronlabError.from(error));
    }
  }
}
