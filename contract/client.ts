/** The typed face of the Node side: what the UI and the command line call, over whichever transport carries it. */
import type { z } from 'zod';
import {
  api,
  apiEvents,
  type ApiEventName,
  type ApiEvents,
  type ApiInput,
  type ApiName,
  type ApiOutput,
  type Client,
  type Transport,
} from './api.ts';
import { KronlabError } from './errors.ts';

/**
 * Answers and events are checked against the contract, so that a host of another version fails at the seam, with the
 * name of the call, instead of deep inside a view.
 */
export function createClient(transport: Transport): Client {
  return {
    async call<N extends ApiName>(name: N, input: ApiInput<N>): Promise<ApiOutput<N>> {
      return parseOutput(name, await transport.invoke(name, input));
    },
    on<E extends ApiEventName>(event: E, listener: (payload: z.output<ApiEvents[E]>) => void): () => void {
      return transport.subscribe(event, (payload) =>
        listener(apiEvents[event].parse(payload) as z.output<ApiEvents[E]>),
      );
    },
    close: () => transport.close(),
  };
}

/** Throws `internal`: an answer that breaks the contract is a defect of the other side, not of the caller's input. */
export function parseOutput<N extends ApiName>(name: N, output: unknown): ApiOutput<N> {
  const result = api[name].output.safeParse(output);
  if (result.success) return result.data as ApiOutput<N>;
  const { message } = KronlabError.from(result.error);
  throw new KronlabError('internal', `The answer to ${name} breaks the contract: ${message}`);
}
