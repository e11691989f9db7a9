import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import { failure, source, testContext } from '../test-files.ts';
import { readGraphJson } from './graph-json.ts';

const read = (value: unknown, options = {}) =>
  readGraphJson(
    source('g.json', typeof value === 'string' ? value : JSON.stringify(value)),
    options,
    'g',
    testContext(),
  );
const path = {
  directed: false,
  graph: { kind: 'path' },
  nodes: [
    { id: 'a', z: 6, p: [0.5, 1] },
    { id: 'b', z: 8, p: [2, 3] },
    { id: 'c', z: 1, p: [4, 5] },
  ],
  links: [
    { source: 'c', target: 'b', w: 2.5 },
    { source: 'a', target: 'b', w: 1.5 },
  ],
};
const loop = {
  directed: true,
  graph: { kind: 'loop' },
  nodes: [{ id: 0, z: 1, p: [1, 1] }],
  edges: [{ source: 0, target: 0, w: 1 }],
};

describe('readGraphJson', () => {
  it('reads features, both directions of undirected links, and the property of the graph', async () => {
    const set = await read([path, loop]);
    expect(set).toMatchObject({ kind: 'graphs', examples: 2, classes: ['loop', 'path'], targets: ['kind'] });
    expect(set.columns.map((column) => column.name)).toEqual(['z', 'p0', 'p1']);
    expect([...set.tensors['nodes']!.data]).toEqual([6, 0.5, 1, 8, 2, 3, 1, 4, 5, 1, 1, 1]);
    expect([...set.tensors['edges']!.data]).toEqual([0, 1, 1, 0, 1, 2, 2, 1, 0, 0]);
    expect([...set.tensors['edgeFeatures']!.data]).toEqual([1.5, 1.5, 2.5, 2.5, 1]);
    expect([...set.tensors['edgeOffsets']!.data]).toEqual([0, 4, 5]);
  });

  it('is the same data set line by line', async () => {
    const lines = await read(`${JSON.stringify(path)}\n${JSON.stringify(loop)}\n`);
    expect(await contentHash(lines)).toBe(await contentHash(await read([path, loop])));
  });

  it('gives nodes without features a 1', async () => {
    const set = await read({ y: 0.5, nodes: [{ id: 1 }, { id: 2 }], links: [] }, { target: 'y' });
    expect([...set.tensors['nodes']!.data]).toEqual([1, 1]);
    expect(set.tensors['edgeFeatures']!.shape).toEqual([0, 0]);
  });

  it('takes a list of any length, because no more than one graph is parsed at a time', async () => {
    const list = `[${JSON.stringify(loop)}${',{}'.repeat(100_000)}]`;
    const limits = { document: 1000, cell: 1000 };
    const set = await readGraphJson(source('g.json', list), {}, 'g', testContext(limits));
    expect([set.examples, set.skipped]).toEqual([
      1,
      {
        total: 100_000,
        reasons: [{ reason: 'has no list "nodes"', count: 100_000, first: 'g.json, row 2' }],
      },
    ]);
    const few = { ...limits, examples: 500 };
    expect(await failure(readGraphJson(source('g.json', list), {}, 'g', testContext(few)))).toContain(
      'g.json, row 501: 501 rows, which is more than the 500 the lab takes',
    );
    const long = JSON.stringify([{ ...loop, note: 'x'.repeat(2000) }]);
    expect(await failure(readGraphJson(source('g.json', long), {}, 'g', testContext(limits)))).toContain(
      'characters in one document of JSON, which is more than the 1000',
    );
  });

  it('keeps the graphs of some rows as they are, and leaves out the others', async () => {
    const set = await read([path, { ...path, graph: { kind: null } }, loop]);
    expect([set.examples, set.skipped.total]).toEqual([2, 1]);
    expect([...set.tensors['nodes']!.data]).toEqual([6, 0.5, 1, 8, 2, 3, 1, 4, 5, 1, 1, 1]);
    expect([...set.tensors['edges']!.data]).toEqual([0, 1, 1, 0, 1, 2, 2, 1, 0, 0]);
    expect([...set.tensors['nodeOffsets']!.data]).toEqual([0, 3, 4]);
  });

  it('reports graphs it cannot use and refuses files of another kind', async () => {
    const bad = [
      { ...loop, nodes: [{ id: 0, z: 1 }] },
      { ...loop, edges: [{ source: 0, target: 9, w: 1 }] },
      { ...path, nodes: [path.nodes[0], path.nodes[0]] },
      { ...loop, graph: {} },
      7,
    ];
    const set = await read([path, ...bad]);
    expect([set.examples, set.skipped.total]).toEqual([1, 5]);
    expect(await failure(read('{"nodes": 3}'))).toContain('g.json, graph 1: has no list "nodes"');
    expect(await failure(read('nonsense'))).toContain('g.json, graph 1: is no JSON');
    expect(await failure(read('[{"a":1,"y":0}]'))).toContain(
      'g.json, graph 1: has no list "nodes"; write node-link JSON, { "nodes": [..], "links": [..] }; a table of ' +
        'objects is read as JSON lines (json-lines), one a line',
    );
    expect(await failure(read(`[${JSON.stringify(path)}, {"nodes"`))).toContain('is no JSON: it ends in the');
    expect(await failure(read([]))).toContain('g.json: holds no graphs');
    expect(await failure(read([path], { target: 'energy' }))).toContain(
      'has no column "energy"; its columns are kind',
    );
  });
});
