import { Molecule } from 'openchemlib';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import type { TensorDataset } from '../../tensor-dataset.ts';
import { atomColumns, bondColumns } from '../molecule.ts';
import { failure, source, testContext } from '../test-files.ts';
import { readSdf } from './sdf.ts';
import { readSmiles } from './smiles.ts';

const read = (text: string, file = 'a.csv', options = {}) =>
  readSmiles(source(file, text), options, 'a', testContext());
const sdf = (text: string, options = {}) => readSdf(source('a.sdf', text), options, 'a', testContext());
const values = (set: TensorDataset, name: string): number[] => [...set.tensors[name]!.data];

/** The features of one atom or bond by name, those that are 0 left out. */
function named(set: TensorDataset, tensor: string, row: number, names: readonly string[]) {
  const all = values(set, tensor).slice(row * names.length, (row + 1) * names.length);
  const kept = names.map((name, i) => ({ name, value: all[i]! })).filter(({ value }) => value !== 0);
  return Object.fromEntries(kept.map(({ name, value }) => [name, value]));
}

describe('readSmiles', () => {
  it('makes graphs of heavy atoms', async () => {
    const set = await read('smiles,y\nCC(=O)[O-],0.5\nc1ccncc1,-1.5\n');
    expect(set).toMatchObject({ kind: 'graphs', task: 'regression', examples: 2, targets: ['y'] });
    expect(values(set, 'nodeOffsets')).toEqual([0, 4, 10]);
    expect(values(set, 'edgeOffsets')).toEqual([0, 6, 18]);
    expect(values(set, 'edges').slice(0, 12)).toEqual([0, 1, 1, 0, 1, 2, 1, 3, 2, 1, 3, 1]);
    expect(named(set, 'nodes', 0, atomColumns)).toEqual({ C: 1, hydrogens: 3, neighbours: 1 });
    expect(named(set, 'nodes', 3, atomColumns)).toEqual({ O: 1, 'formal charge': -1, neighbours: 1 });
    expect(named(set, 'nodes', 7, atomColumns)).toEqual({ N: 1, neighbours: 2, aromatic: 1, 'in a ring': 1 });
    expect(named(set, 'edgeFeatures', 2, bondColumns)).toEqual({ double: 1 });
    expect(named(set, 'edgeFeatures', 6, bondColumns)).toEqual({ aromatic: 1, 'in a ring': 1 });
  });

  it('reads .smi files, and both drawings of an aromatic ring alike', async () => {
    const set = await read('c1ccccc1 a 1\nC1=CC=CC=C1 b 0\n', 'x.smi');
    expect(set).toMatchObject({ task: 'classification', targets: ['x2'], classes: ['0', '1'] });
    expect(values(set, 'nodes').slice(0, 90)).toEqual(values(set, 'nodes').slice(90));
  });

  it('reports molecules that cannot be read', async () => {
    const set = await read('id,SMILES,y\n1,CO,1\n2,C1CC,1\n3,,0\n4,CC,\n5,CC,1,1\n6,N#N,0\n');
    expect(set.examples).toBe(2);
    expect(set.skipped.reasons.map(({ reason, first }) => `${first}: ${reason}`)).toEqual([
      'a.csv, row 3: its SMILES cannot be read',
      'a.csv, row 4: has no nodes',
      'a.csv, row 6: has 4 cells where there are 3 columns',
      'a.csv, row 5: column "y" is empty or no number',
    ]);
  });

  it('refuses a file without a target or a molecule', async () => {
    expect(await failure(read('smiles\nCC\n'))).toContain('a.csv, line 1: holds SMILES alone');
    expect(await failure(read('smiles,y\nC1,1\n'))).toContain(
      'holds no usable graph (its SMILES cannot be read',
    );
    expect(await failure(read(''))).toContain('a.csv: is empty');
  });
});

describe('readSdf', () => {
  const record = (smiles: string, y: string) =>
    `${Molecule.fromSmiles(smiles).toMolfile()}\n> <id>\nm\n\n> <y>\n${y}\n\n$$$$\n`;

  it('is the data set the same molecules as SMILES are', async () => {
    const molecules = ['CC(=O)O', 'c1ccncc1', 'C[N+](C)(C)C'];
    const fromSdf = await sdf(molecules.map((smiles, i) => record(smiles, `${i}.5`)).join(''));
    const fromSmiles = await read(
      `smiles,y\n${molecules.map((smiles, i) => `${smiles},${i}.5`).join('\n')}\n`,
    );
    expect(await contentHash(fromSdf)).toBe(await contentHash(fromSmiles));
  });

  it('reports broken records and takes another target', async () => {
    const set = await sdf(
      `${record('CC', '1')}${record('CO', '2').replace('M  END', '')}${record('C', '')}`,
      {
        target: 'y',
      },
    );
    expect([set.examples, set.skipped.total]).toEqual([1, 2]);
    expect(await failure(sdf(record('CC', '1'), { target: 'z' }))).toContain(
      'a.sdf: has no column "z"; its columns are id, y',
    );
    expect(await failure(sdf('no molecule'))).toContain('record 1 from line 1: has no "M  END"');
    expect(await failure(sdf(''))).toContain('a.sdf: is empty');
  });
});
