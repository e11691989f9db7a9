/** A Node side for tests: answers are given per call, every call is kept, events are sent by hand. */
import type { ApiEventName, ApiEvents, ApiInput, ApiName, ApiOutput, Client } from '../../contract/api.ts';
import type { z } from 'zod';

type Answers = { [N in ApiName]?: (input: ApiInput<N>) => ApiOutput<N> | Promise<ApiOutput<N>> };

export class FakeClient implements Client {
  readonly calls: { name: ApiName; input: unknown }[] = [];
  readonly answers: Answers;
  #listeners = new Map<ApiEventName, Set<(payload: never) => void>>();

  constructor(answers: Answers = {}) {
    this.answers = answers;
  }

  async call<N extends ApiName>(name: N, input: ApiInput<N>): Promise<ApiOutput<N>> {
    this.calls.push({ name, input });
    const answer = this.answers[name];
    if (!answer) throw new Error(`the test gives no answer to ${name}`);
    return answer(input);
  }

  on<E extends ApiEventName>(event: E, listener: (payload: z.output<ApiEvents[E]>) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  emit<E extends ApiEventName>(event: E, payload: z.output<ApiEvents[E]>): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(payload as never);
  }

  /** Inputs of all calls of one name, in order. */
  inputs<N extends ApiName>(name: N): ApiInput<N>[] {
    return this.calls.filter((call) => call.name === name).map((call) => call.input as ApiInput<N>);
  }

  close(): void {
    this.#listeners.clear();
  }
}
