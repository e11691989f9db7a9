import { describe, expect, it } from 'vitest';
import { bridgeTransport } from './bridge.ts';
import { fromEnvelope, toEnvelope } from './envelope.ts';
import { KronlabError } from './errors.ts';

describe('envelopes', () => {
  it('carry a value, undefined included', async () => {
    expect(fromEnvelope(await toEnvelope(async () => ({ a: [1, NaN] })))).toEqual({ a: [1, NaN] });
    expect(fromEnvelope(structuredClone(await toEnvelope(async () => undefined)))).toBeUndefined();
  });

  it('carry code, message and data of an error through a structured clone', async () => {
    const sent = await toEnvelope(async () => {
      throw new KronlabError('not-found', 'There is no run `a`.', { id: 'a' });
    });
    expect(() => fromEnvelope(structuredClone(sent))).toThrow(
      expect.objectContaining({ code: 'not-found', message: 'There is no run `a`.', data: { id: 'a' } }),
    );
  });

  it('call what is no envelope a defect', () => {
    expect(() => fromEnvelope('hello')).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});

describe('bridgeTransport', () => {
  it('unwraps answers and lets go of its listeners when closed', async () => {
    const listeners = new Set<(payload: unknown) => void>();
    const transport = bridgeTransport({
      invoke: (name) => toEnvelope(async () => name),
      subscribe(_event, listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
    expect(await transport.invoke('app.info', {})).toBe('app.info');
    const stop = transport.subscribe('runs.changed', () => undefined);
    transport.subscribe('runs.changed', () => undefined);
    stop();
    expect(listeners.size).toBe(1);
    transport.close();
    expect(listeners.size).toBe(0);
    await expect(transport.invoke('app.info', {})).rejects.toMatchObject({ code: 'unavailable' });
  });
});
