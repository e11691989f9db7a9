import { describe, expect, it } from 'vitest';
import { failure, source, testContext } from '../test-files.ts';
import { readText } from './text.ts';

describe('readText', () => {
  it('gives tokens from which the text can be written again', async () => {
    const text = 'Call me Ishmael.\r\nÄ 𝄞!\n'.repeat(1000);
    const set = await readText([{ split: null, source: source('a.txt', text) }], 'a', testContext());
    const tokens = [...set.tensors['tokens']!.data];
    expect(tokens.map((token) => set.classes[token]).join('')).toBe(text);
    expect(set.examples).toBe(Array.from(text).length);
    expect(set.classes.slice(0, 3)).toEqual(['\n', '\r', ' ']);
    expect(set.classes.at(-1)).toBe('𝄞');
  });

  it('keeps one vocabulary over its splits', async () => {
    const set = await readText(
      [
        { split: 'train', source: source('t', 'abc') },
        { split: 'test', source: source('v', 'cd') },
      ],
      'a',
      testContext(),
    );
    expect([...set.tensors['tokens']!.data]).toEqual([0, 1, 2, 2, 3]);
    expect(set.splits).toEqual([
      { name: 'train', start: 0, count: 3 },
      { name: 'test', start: 3, count: 2 },
    ]);
  });

  it('refuses an empty file and one beyond the cap', async () => {
    const one = (text: string) => [{ split: null, source: source('a.txt', text) }];
    expect(await failure(readText(one(''), 'a', testContext()))).toContain('a.txt: is empty');
    expect(await failure(readText(one('x'.repeat(9000)), 'a', testContext({ bytes: 20_000 })))).toContain(
      'bytes of tokens, which is more than the 20000',
    );
  });
});
