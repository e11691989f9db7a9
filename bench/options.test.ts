import { describe, expect, it } from 'vitest';
import { benchmarkNames, parseOptions } from './options.ts';

describe('parseOptions', () => {
  it('takes one name, with or without --json', () => {
    expect(parseOptions(['vit'])).toEqual({ kind: 'measure', names: ['vit'], json: false });
    expect(parseOptions(['--json', 'matmul'])).toEqual({ kind: 'measure', names: ['matmul'], json: true });
  });

  it('takes all of them in their order', () => {
    expect(parseOptions(['all'])).toEqual({ kind: 'measure', names: benchmarkNames, json: false });
  });

  it('takes the cost of curvature, which has rows of its own', () => {
    expect(parseOptions(['kfac', '--json'])).toEqual({ kind: 'kfac', json: true });
  });

  it('keeps the tuning with its file', () => {
    expect(parseOptions(['tune'])).toEqual({ kind: 'tune', out: 'tuning.jsonl' });
    expect(parseOptions(['tune', '--out', 'x.jsonl'])).toEqual({ kind: 'tune', out: 'x.jsonl' });
  });

  it.each([
    [[], 'unknown benchmark (none)'],
    [['matmull'], 'unknown benchmark matmull'],
    [['mlp', 'vit'], 'one benchmark at a time, not mlp vit'],
    [['mlp', '--jsn'], "Unknown option '--jsn'"],
  ])('refuses %j and lists the names', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
    expect(() => parseOptions(args)).toThrow(benchmarkNames.join(', '));
  });
});
