import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { jsonItems } from './json-list.ts';
import { failure, testContext } from './test-files.ts';

async function items(text: string, cut = 7, limits = {}): Promise<string[]> {
  async function* pieces() {
    for (let at = 0; at < text.length; at += cut) yield text.slice(at, at + cut);
  }
  const all: string[] = [];
  for await (const some of jsonItems(pieces(), 'g.json', testContext(limits).limits)) all.push(...some);
  return all;
}

describe('jsonItems', () => {
  it('takes every list apart as JSON.parse does, wherever its pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(undefined, 1),
        async (list, cut, indent) => {
          const text = JSON.stringify(list, null, indent);
          const found = (await items(` ${text}\n`, cut)).map((item) => JSON.parse(item) as unknown);
          expect(found).toEqual(JSON.parse(text));
        },
      ),
      trials(300),
    );
  });

  it('gives a document that is no list as it is', async () => {
    expect(await items(' {"a": [1, 2]} ')).toEqual(['{"a": [1, 2]} ']);
    expect(await items('')).toEqual([]);
    expect(await items('[ ]')).toEqual([]);
    expect(await items('[{},,1]')).toEqual(['{}', '', '1']);
  });

  it.each([
    ['[{}', 'ends in the middle'],
    ['["a', 'ends in the middle'],
    ['{"a":[1}', 'ends in the middle'],
    ['[1] 2', 'goes on after the end of the list'],
  ])('refuses %j', async (text, message) => {
    expect(await failure(items(text))).toContain(`g.json: is no JSON: it ${message}`);
  });

  it('holds each item, and not the list, against the limit', async () => {
    expect(await items(`[${'{},'.repeat(1000)}{}]`, 50, { document: 10 })).toHaveLength(1001);
    const long = `[{}, {"a": "${'x'.repeat(20)}"}]`;
    expect(await failure(items(long, 3, { document: 20 }))).toContain(
      'g.json, item 2: 23 characters in one document of JSON, which is more than the 20 the lab takes',
    );
    expect(await failure(items(`{"a": ${'1'.repeat(30)}}`, 50, { document: 20 }))).toContain('g.json: 37');
  });
});
