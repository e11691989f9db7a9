/**
 * From a name and unchecked input to a call of a service. Every host sends what it receives through here, so nothing
 * reaches a service that has not passed its schema.
 */
import { api, type ApiName, type ApiOutput, type ApiParsed } from './api.ts';
import { parseOutput } from './client.ts';
import { KronlabError } from './errors.ts';

/** Who calls: one window, one command. Lets a service know whose work ends when that window goes away. */
export interface CallContext {
  client: string;
}

export type Services = {
  [N in ApiName]: (input: ApiParsed<N>, context: CallContext) => ApiOutput<N> | Promise<ApiOutput<N>>;
};

export interface Router {
  /** Rejects with `KronlabError`: `invalid` for an unknown name or input that breaks the schema, else what the service says. */
  handle(name: string, input: unknown, context: CallContext): Promise<unknown>;
}

/** `checkOutputs` (for tests) also holds the services to their side of the contract. */
export function createRouter(services: Services, { checkOutputs = false } = {}): Router {
  return {
    async handle(name, input, context) {
      if (!isApiName(name))
        throw new KronlabError('invalid', `${name}: no such call; there are ${Object.keys(api).join(', ')}`);
      const parsed = api[name].input.safeParse(input);
      if (!parsed.success) throw KronlabError.from(parsed.error);
      const output = await call(services, name, parsed.data as never, context);
      return checkOutputs ? parseOutput(name, output) : output;
    },
  };
}

async function call<N extends ApiName>(
  services: Services,
  name: N,
  input: ApiParsed<N>,
  context: CallContext,
) {
  try {
    return await services[name](input, context);
  } catch (error) {
    if (error instanceof KronlabError) throw error;
    // Whatever else escapes a service is a defect of the app, even where it is a failed check of what was stored.
    throw new KronlabError('internal', `${name} failed: ${KronlabError.from(error).message}`);
  }
}

function isApiName(name: string): name is ApiName {
  return Object.hasOwn(api, name);
}
