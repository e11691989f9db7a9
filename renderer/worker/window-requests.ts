/** What the window has and the worker asks for: imported data sets, files of weights. */
import { KronlabError, type ErrorShape } from '../../contract/errors.ts';

export class WindowRequests<T extends object> {
  #send: (request: number, what: string) => void;
  #waiting = new Map<number, PromiseWithResolvers<T>>();
  #requests = 0;

  /** @param send asks the window for one thing, under a number that its answer carries */
  constructor(send: (request: number, what: string) => void) {
    this.#send = send;
  }

  /** Rejects with the `KronlabError` that the window was given. */
  fetch(what: string): Promise<T> {
    const waiting = Promise.withResolvers<T>();
    this.#requests += 1;
    this.#waiting.set(this.#requests, waiting);
    this.#send(this.#requests, what);
    return waiting.promise;
  }

  /** Takes the window's answer to one request. */
  take({ request, answer }: { request: number; answer: T | { error: ErrorShape } }): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    if ('error' in answer) waiting?.reject(KronlabError.fromShape(answer.error));
    else waiting?.resolve(answer);
  }
}
