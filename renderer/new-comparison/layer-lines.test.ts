import { expect, test } from 'vitest';
import { formatLayerLines, layerLineMistake, parseLayerLines } from './layer-lines.ts';

test('exceptions go from text to entries and back', () => {
  const text = 'blocks.*.mlp.in: reduce\nhead: expand';
  const entries = [
    { pattern: 'blocks.*.mlp.in', flavour: 'reduce' },
    { pattern: 'head', flavour: 'expand' },
  ] as const;
  expect(parseLayerLines(text)).toEqual(entries);
  expect(formatLayerLines([...entries])).toBe(text);
});

test('spaces and empty lines say nothing, and the last colon divides', () => {
  expect(parseLayerLines('\n  a:b :auto  \n\n')).toEqual([{ pattern: 'a:b', flavour: 'auto' }]);
  expect(parseLayerLines(' \n')).toEqual([]);
});

test('half a line becomes an entry that nobody takes for whole', () => {
  expect(parseLayerLines('head\n: reduce\nhead:')).toEqual([
    { pattern: 'head', flavour: '' },
    { pattern: '', flavour: 'reduce' },
    { pattern: 'head', flavour: '' },
  ]);
});

test('a mistake quotes its line, counted as the entries are', () => {
  expect(layerLineMistake('head: expand\n\nhead reduce', 1)).toContain('“head reduce”');
});
