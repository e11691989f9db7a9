import { expect, it } from 'vitest';
import { assertNodeApi } from './driver.ts';

it.each([
  { node: '20.20.2', napi: '9' },
  { node: '18.0.0', napi: undefined },
])('refuses Node $node with one sentence that says what is needed', (versions) => {
  expect(() => assertNodeApi(versions)).toThrow(
    expect.objectContaining({
      code: 'storage',
      message: expect.stringMatching(new RegExp(`Node-API 10.*Node ${versions.node}`)),
    }),
  );
});

it.each(['10', '11'])('accepts Node-API %s', (napi) => {
  expect(() => assertNodeApi({ node: '24.0.0', napi })).not.toThrow();
});
