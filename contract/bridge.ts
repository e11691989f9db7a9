/**
 * The one object the desktop shell's preload script puts on the page (`window.kronlab`), and the transport made of
 * it. It stands in the contract because both sides of the process boundary must agree on it and neither may import
 * the other.
 */
import type { ApiEventName, ApiName, Transport } from './api.ts';
import { fromEnvelope } from './envelope.ts';
import { KronlabError } from './errors.ts';

/** What a person is asked for: the files of a data set, a folder that is one, or one file of weights. */
export type ChosenKind = 'files' | 'folder' | 'weights';

export interface KronlabBridge {
  /** Answers with an `Envelope`: a thrown error would lose its code and data on the way to the page. */
  invoke(name: ApiName, input: unknown): Promise<unknown>;
  subscribe(event: ApiEventName, listener: (payload: unknown) => void): () => void;
  /** Asks a person for files or a folder and puts them into the inbox; an envelope of how many (0: none chosen). */
  chooseFiles(inbox: string, kind: ChosenKind): Promise<unknown>;
  /** Puts files and folders that were dropped on the page into the inbox; an envelope of how many. */
  dropFiles(inbox: string, files: readonly File[]): Promise<unknown>;
}

export function bridgeTransport(bridge: Pick<KronlabBridge, 'invoke' | 'subscribe'>): Transport {
  const unsubscribers = new Set<() => void>();
  let open = true;
  return {
    async invoke(name, input) {
      if (!open) throw new KronlabError('unavailable', 'The connection to the lab is closed.');
      return fromEnvelope(await bridge.invoke(name, input));
    },
    subscribe(event, listener) {
      const unsubscribe = bridge.subscribe(event, listener);
      unsubscribers.add(unsubscribe);
      return () => {
        unsubscribers.delete(unsubscribe);
        unsubscribe();
      };
    },
    close() {
      open = false;
      for (const unsubscribe of unsubscribers) unsubscribe();
      unsubscribers.clear();
    },
  };
}
