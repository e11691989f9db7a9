/**
 * The line to the Node side. Opens the transport, notices when it breaks, opens it again with growing pauses and
 * renews the subscriptions, so that the stores need not know which host they run in.
 */
import type { ApiEventName, ApiEvents, ApiInput, ApiName, ApiOutput, Client } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { isSessionRefusal } from '../transport/browser-host.ts';
import type { z } from 'zod';

export type ConnectionState = 'connecting' | 'open' | 'lost';

/** Opens a client; calls `onClosed` once if the line breaks later. Rejects where nobody answers. */
export type Connect = (onClosed: () => void) => Promise<Client>;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

interface Subscription {
  attach(client: Client): void;
  detach(): void;
}

export class Connection implements Client {
  #connect: Connect;
  #client: Client | null = null;
  #closed = false;
  #waiting: (() => void)[] = [];
  #subscriptions = new Set<Subscription>();
  #reopened = new Set<() => void>();
  state = $state<ConnectionState>('connecting');
  /** Why trying again is of no use, e.g. the page has lost its key; null while there is hope. */
  refusal = $state.raw<KronlabError | null>(null);

  constructor(connect: Connect) {
    this.#connect = connect;
    void this.#open(FIRST_PAUSE_MS);
  }

  /** Waits for the first connection; while the line is broken it rejects at once with code `unavailable`. */
  async call<N extends ApiName>(name: N, input: ApiInput<N>): Promise<ApiOutput<N>> {
    if (this.state === 'connecting') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const client = this.#client;
    if (!client) throw new KronlabError('unavailable', 'The lab is not answering. Kronlab keeps trying.');
    try {
      return await client.call(name, input);
    } catch (error) {
      const failure = KronlabError.from(error);
      if (failure.code === 'unavailable' && this.#client === client) this.#lose();
      throw failure;
    }
  }

  on<E extends ApiEventName>(event: E, listener: (payload: z.output<ApiEvents[E]>) => void): () => void {
    let off: (() => void) | null = null;
    const subscription: Subscription = {
      attach: (client) => {
        off = client.on(event, listener);
      },
      detach: () => {
        off?.();
        off = null;
      },
    };
    this.#subscriptions.add(subscription);
    if (this.#client) subscription.attach(this.#client);
    return () => {
      subscription.detach();
      this.#subscriptions.delete(subscription);
    };
  }

  /** Calls back whenever a broken line is open again: what is shown should then be loaded anew. */
  onReopened(listener: () => void): () => void {
    this.#reopened.add(listener);
    return () => this.#reopened.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
    this.#client = null;
  }

  async #open(pauseMs: number): Promise<void> {
    let client: Client;
    try {
      client = await this.#connect(() => this.#lose());
      await client.call('app.info', {});
    } catch (error) {
      // Nobody answers yet: say so on the page and try again, less and less often.
      if (this.#closed) return;
      this.#settle('lost');
      if (isSessionRefusal(error)) {
        this.refusal = KronlabError.from(error);
        return;
      }
      setTimeout(() => void this.#open(Math.min(pauseMs * 2, LONGEST_PAUSE_MS)), pauseMs);
      return;
    }
    if (this.#closed) {
      client.close();
      return;
    }
    const again = this.state === 'lost';
    this.#client = client;
    for (const subscription of this.#subscriptions) subscription.attach(client);
    this.#settle('open');
    if (again) for (const listener of this.#reopened) listener();
  }

  #lose(): void {
    if (this.#closed || !this.#client) return;
    for (const subscription of this.#subscriptions) subscription.detach();
    this.#client.close();
    this.#client = null;
    this.#settle('lost');
    setTimeout(() => void this.#open(FIRST_PAUSE_MS * 2), FIRST_PAUSE_MS);
  }

  #settle(state: ConnectionState): void {
    this.state = state;
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
