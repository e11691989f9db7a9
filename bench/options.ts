/** What `npm run bench --` was asked for. */
import { parseArgs } from 'node:util';
import { KronlabError } from '../contract/errors.ts';

/** In the order in which `all` runs them. */
export const benchmarkNames = ['matmul', 'mlp', 'convnet', 'vit', 'spd', 'compile', 'memory'] as const;
export type BenchmarkName = (typeof benchmarkNames)[number];

export type BenchOptions =
  | { kind: 'measure'; names: readonly BenchmarkName[]; json: boolean }
  | { kind: 'kfac'; json: boolean }
  | { kind: 'tune'; out: string };

export const usage = `npm run bench -- NAME [--json]
  NAME    ${benchmarkNames.join(', ')} or all
  --json  print the rows as a JSON array on stdout and nothing else there
npm run bench -- kfac [--json]
npm run bench -- tune [--out FILE]`;

/** Throws `invalid` with what would be right. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { positionals, values } = parse(args);
  const [name, ...others] = positionals;
  if (others.length > 0)
    throw new KronlabError('invalid', `one benchmark at a time, not ${positionals.join(' ')}\n${usage}`);
  if (name === 'tune') return { kind: 'tune', out: values.out ?? 'tuning.jsonl' };
  const json = values.json ?? false;
  if (name === 'kfac') return { kind: 'kfac', json };
  if (name === 'all') return { kind: 'measure', names: benchmarkNames, json };
  const known = benchmarkNames.find((candidate) => candidate === name);
  if (!known) throw new KronlabError('invalid', `unknown benchmark ${name ?? '(none)'}\n${usage}`);
  return { kind: 'measure', names: [known], json };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { out: { type: 'string' }, json: { type: 'boolean' } },
    });
  } catch (error) {
    throw new KronlabError('invalid', `${(error as Error).message}\n${usage}`);
  }
}
