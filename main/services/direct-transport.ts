/** The contract without a wire, for the command line and for tests; values are cloned, as every real wire would. */
import type { ApiEventName, ApiName, Transport } from '../../contract/api.ts';
import type { App } from './create-app.ts';
import { KronlabError } from '../../contract/errors.ts';

/** Closing the transport leaves the app open: whoever made the app closes it. */
export function createDirectTransport(app: App, client = 'direct'): Transport {
  const stops = new Set<() => void>();
  let open = true;
  return {
    async invoke(name: ApiName, input: unknown) {
      if (!open) throw new KronlabError('unavailable', 'The connection to the lab is closed.');
      return structuredClone(await app.handle(name, structuredClone(input), client));
    },
    subscribe(event: ApiEventName, listener: (payload: unknown) => void) {
      const stop = app.subscribe((name: string, payload) => {
        if (name === event) listener(structuredClone(payload));
      });
      stops.add(stop);
      return () => {
        stop();
        stops.delete(stop);
      };
    },
    close() {
      open = false;
      for (const stop of stops) stop();
      stops.clear();
    },
  };
}
