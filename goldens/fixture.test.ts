import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import { parseFixture, type NetFixture } from './fixture.ts';
import { goldensDirectory, listFixtures, loadFixture } from './node.ts';

const paths = await listFixtures();
const fixtures = await Promise.all(paths.map(loadFixture));
const nets = fixtures.filter((fixture) => fixture.kind === 'net');
const trajectories = fixtures.find((fixture) => fixture.kind === 'trajectories');

const text = (name: string) => readFile(join(goldensDirectory, name), 'utf8');
const conv = await text('conv.json');
const steps = await text('trajectories.json');

describe('the shipped fixtures', () => {
  it('are eleven nets and one set of trajectories, each named like its file', () => {
    expect(nets).toHaveLength(11);
    expect(fixtures).toHaveLength(12);
    expect(fixtures.map((fixture) => `${fixture.name}.json`)).toEqual(paths.map((path) => basename(path)));
  });

  it('have the layers and parameters of the nets the README describes', () => {
    const sizes = nets.map(({ name, layers, params }) => {
      const values = Object.values(params).reduce((sum, { data }) => sum + data.length, 0);
      return [name, layers.length, Object.keys(params).length, values];
    });
    expect(sizes).toEqual([
      ['conv', 3, 6, 184],
      ['deep_linear_expand', 3, 6, 83],
      ['deep_linear_reduce', 3, 6, 83],
      ['gnn', 5, 10, 182],
      ['lm_expand', 7, 19, 666],
      ['mlp_expand', 2, 4, 59],
      ['mlp_reduce', 2, 4, 59],
      ['ragged_linear_expand', 2, 4, 43],
      ['ragged_linear_reduce', 2, 4, 43],
      ['vit', 8, 23, 811],
      ['vit_gelu_tanh', 8, 23, 811],
    ]);
  });

  it('list as many weights in the layer table as there are matrix parameters under layer names', () => {
    for (const { layers, params } of nets) {
      const matrices = Object.entries(params).filter(
        ([name, p]) => name.endsWith('.weight') && p.shape.length > 1,
      );
      expect(matrices.map(([name]) => name)).toEqual(layers.map((layer) => `${layer.name}.weight`));
    }
  });

  it.each(nets.map((net) => [net.name, net] as const))('%s: values are in row-major order', (_, net) => {
    for (const layer of net.layers) {
      expectClose(inputFactor(net, layer.name, layer.bias), net.factors.expand[layer.name]?.A.data);
      const { wgrad, grads } = net;
      const width = layer.d_in + (layer.bias ? 1 : 0);
      const weightPart = wgrad[layer.name]?.data.filter((__, i) => i % width < layer.d_in);
      expect(weightPart).toEqual(grads[`${layer.name}.weight`]?.data);
    }
  });

  it('have nine runs of ten steps that start from one of the nets', () => {
    expect(nets.map((net) => net.name)).toContain(trajectories?.net);
    const runs = Object.values(trajectories?.runs ?? {});
    const kinds = runs.map((run) => run.kind).sort();
    expect(kinds).toEqual(['adamw', ...Array<string>(6).fill('kfac'), 'sgd', 'sgd']);
    for (const run of runs) expect(run.steps).toHaveLength(10);
  });
});

/** A of expand from the layer's inputs: the mean over all rows of a a^T, 1 appended where there is a bias. */
function inputFactor(net: NetFixture, name: string, bias: boolean): Float64Array {
  const { shape, data } = net.layer_io[name]?.a ?? { shape: [0], data: new Float64Array() };
  const dIn = shape.at(-1) ?? 0;
  const rows = data.length / dIn;
  const width = dIn + (bias ? 1 : 0);
  const at = (row: number, i: number) => (i < dIn ? (data[row * dIn + i] ?? NaN) : 1);
  const A = new Float64Array(width * width);
  for (let i = 0; i < width; i += 1) {
    for (let j = 0; j < width; j += 1) {
      let sum = 0;
      for (let row = 0; row < rows; row += 1) sum += at(row, i) * at(row, j);
      A[i * width + j] = sum / rows;
    }
  }
  return A;
}

function expectClose(actual: Float64Array, expected: Float64Array | undefined): void {
  expect(actual.length).toBe(expected?.length);
  const worst = actual.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (expected?.[i] ?? NaN))),
    0,
  );
  expect(worst).toBeLessThan(1e-13);
}

type Path = (string | number)[];
/** Where a copy differs from the shipped file, and what stands there; `undefined` removes the key. */
type Change = [path: Path, value: unknown];

const zeros = (...shape: number[]) => ({
  shape,
  data: Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0),
});

function applyChange(root: object, [path, value]: Change): void {
  const parents = path.slice(0, -1);
  const last = path.at(-1) ?? '';
  const holder = parents.reduce<object>((at, key) => Reflect.get(at, key) as object, root);
  expect(Reflect.has(holder, last)).toBe(true);
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else Reflect.set(holder, last, value);
}

/** The message of the error a changed copy of a fixture gives. */
function messageOf(name: string, original: string, ...changes: Change[]): string {
  const copy = JSON.parse(original) as object;
  for (const change of changes) applyChange(copy, change);
  try {
    parseFixture(name, JSON.stringify(copy));
  } catch (error) {
    expect(error).toBeInstanceOf(KronlabError);
    return (error as KronlabError).message;
  }
  return 'no error';
}

describe('parseFixture on a corrupt net', () => {
  it('accepts the copy that nothing was changed in', () => {
    expect(messageOf('conv.json', conv)).toBe('no error');
  });

  const cases: [what: string, path: Path, value: unknown, message: string][] = [
    ['a missing number', ['loss'], undefined, 'loss: is missing; expected number'],
    ['a missing part', ['layer_io'], undefined, 'layer_io: is missing; expected record'],
    ['a word for a number', ['N'], 'four', 'N: Invalid input: expected number, received string'],
    [
      'a value that is not a number',
      ['params', 'conv1.weight', 'data', 5],
      null,
      'params.conv1.weight.data.5: Invalid input: expected number, received null',
    ],
    [
      'too few values',
      ['wgrad', 'fc', 'data'],
      [1, 2],
      'wgrad.fc.data: holds 2 values; the shape [3,5] needs 15',
    ],
    [
      'a factor of the wrong side',
      ['factors', 'reduce', 'fc', 'G', 'type2'],
      zeros(5, 5),
      'factors.reduce.fc.G.type2: has shape [5,5]; expected [3,3]',
    ],
    [
      'a layer without its parameter',
      ['params', 'conv2.bias'],
      undefined,
      'params.conv2.bias: is missing; expected an array of shape [4]',
    ],
    ['a wrong layer table', ['layers', 2, 'd_in'], 9, 'params.fc.weight: has shape [3,4]; expected [3,9]'],
    [
      'a convolution without a kernel',
      ['layers', 0, 'kernel'],
      undefined,
      'layers.0.kernel: is missing; expected tuple',
    ],
    [
      'a parameter without a gradient',
      ['grads', 'fc.bias'],
      undefined,
      'grads.fc.bias: is missing; expected an array of shape [3]',
    ],
    [
      'a preconditioned gradient lost beside its pi',
      ['preconditioned', 'reduce', 'type2', 'fc', 'pi'],
      undefined,
      'preconditioned.reduce.type2.fc.pi: is missing; expected an array of shape [3,5]',
    ],
    [
      'a label without a class',
      ['targets', 'data', 1],
      3,
      'targets.data.1: is 3; expected a whole number from 0 to 2',
    ],
    ['a later format', ['format'], 2, 'format: Invalid input: expected 1'],
  ];

  it.each(cases)('%s', (_, path, value, message) => {
    expect(messageOf('conv.json', conv, [path, value])).toContain(message);
    expect(messageOf('conv.json', conv, [path, value])).toMatch(/^conv\.json: /);
  });

  it('several loss terms without the shared kind of G', () => {
    const message = messageOf(
      'conv.json',
      conv,
      [['M'], 8],
      [['forward', 'output'], zeros(4, 2, 3)],
      [['targets'], zeros(4, 2)],
      [['mc_targets'], zeros(1, 4, 2)],
    );
    expect(message).toContain(
      'factors.expand.conv1.G.type2_shared: is missing; expected an array of shape [3,3]',
    );
  });

  it('does not list every consequence of one fault', () => {
    expect(messageOf('conv.json', conv, [['params'], {}])).toMatch(
      /^conv\.json: params[^;]*;[^;]*;.*; and \d+ more/,
    );
    expect(messageOf('conv.json', conv, [['params'], {}]).length).toBeLessThan(400);
  });

  it('text that was cut off', () => {
    expect(() => parseFixture('conv.json', conv.slice(0, 5000))).toThrow(
      /^conv\.json: is not JSON: .*README\.md\)$/,
    );
  });

  it('JSON of another kind', () => {
    expect(() => parseFixture('x.json', '[1, 2]')).toThrow(
      'x.json: input: Invalid input: expected object, received array',
    );
  });
});

describe('parseFixture on corrupt trajectories', () => {
  const cases: [what: string, path: Path, value: unknown, message: string][] = [
    [
      'a K-FAC step without a factor',
      ['runs', 'kfac_expand', 'steps', 2, 'A'],
      undefined,
      'runs.kfac_expand.steps.2.A: is missing; expected record',
    ],
    [
      'a factor of the wrong size',
      ['runs', 'kfac_expand', 'steps', 2, 'A', 'fc1'],
      zeros(7, 7),
      'runs.kfac_expand.steps.2.A.fc1: has shape [7,7]; expected [5,5]',
    ],
    [
      'another number of steps',
      ['steps'],
      9,
      'runs.sgd_momentum.steps: holds 10 steps; expected 9, the number in steps',
    ],
    [
      'a setting left out',
      ['runs', 'sgd_momentum', 'config', 'lr'],
      undefined,
      'runs.sgd_momentum.config.lr: is missing; expected number',
    ],
    [
      'an unknown damping rule',
      ['runs', 'kfac_reduce', 'config', 'damping_rule'],
      'none',
      'runs.kfac_reduce.config.damping_rule: Invalid option: expected one of "separate"|"sqrt"|"pi"|"eigen"',
    ],
    [
      'a parameter lost on the way',
      ['runs', 'adamw', 'steps', 4, 'params', 'fc2.bias'],
      undefined,
      'runs.adamw.steps.4.params.fc2.bias: is missing; expected an array of shape [3]',
    ],
  ];

  it.each(cases)('%s', (_, path, value, message) => {
    expect(messageOf('trajectories.json', steps, [path, value])).toContain(`trajectories.json: ${message}`);
  });
});

describe('on the disk', () => {
  it('names a file and a folder that cannot be read', async () => {
    await expect(loadFixture('/nowhere/net.json')).rejects.toThrow(
      'cannot read the fixture /nowhere/net.json',
    );
    await expect(listFixtures('/nowhere')).rejects.toThrow('cannot read the folder /nowhere');
  });

  it('lists the fixtures of a folder, and says so when there are none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kronlab-goldens-'));
    try {
      await expect(listFixtures(directory)).rejects.toThrow(`no fixtures in ${directory}`);
      await writeFile(join(directory, 'README.md'), '');
      await writeFile(join(directory, 'broken.json'), '{');
      expect(await listFixtures(directory)).toEqual([join(directory, 'broken.json')]);
      await expect(loadFixture(join(directory, 'broken.json'))).rejects.toThrow('broken.json: is not JSON');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
