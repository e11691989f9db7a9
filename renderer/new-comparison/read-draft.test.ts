import { expect, test } from 'vitest';
import { presets } from '../../contract/presets.ts';
import { optimizerSpecSchema, runSpecSchema } from '../../contract/run-spec.ts';
import type { WeightsFile } from '../../contract/weights.ts';
import { findDataset } from '../../datasets/registry.ts';
import {
  changeOptimizer,
  draftFromPreset,
  newColumn,
  parseDraft,
  type ColumnDraft,
  type Draft,
} from './draft.ts';
import { augmentationFields, augmentationStart, shownFields } from './data-fields.ts';
import { optimizerOptions, targetOptions } from './fields.ts';
import { followDataset } from './follow-dataset.ts';
import { findBundled, type FormDataset } from './form-datasets.ts';
import { optimizerFields } from './optimizer-fields.ts';
import { fromJson, toJson } from './json.ts';
import * as modelJudge from './model-layers.ts';
import { readDraft, runsOf } from './read-draft.ts';

const preset = presets['first-light'];
if (!preset) throw new Error('the preset of the default comparison is gone');

function draft(change: (draft: Draft) => void = () => undefined): Draft {
  const made = draftFromPreset(preset as NonNullable<typeof preset>);
  change(made);
  return made;
}

/** The first column that has curvature. */
function kfac(made: Draft) {
  const column = made.columns.find((c) => c.optimizer === 'kfac');
  if (!column) throw new Error('the preset has no K-FAC column');
  return column;
}

test.each(Object.entries(presets))('the preset %s goes through the form unchanged', (_id, shipped) => {
  const read = readDraft(draftFromPreset(shipped), modelJudge);
  expect([...read.errors]).toEqual([]);
  expect(read.seeds).toEqual(shipped.seeds);
  expect(read.groups.map(({ name, spec }) => ({ name, spec }))).toEqual(shipped.groups);
});

test.each(Object.entries(presets))(
  'what the preset %s plans has layers, and a metric its task measures',
  (_id, shipped) => {
    for (const { spec } of shipped.groups) {
      expect(modelJudge.planModel(spec)).toMatchObject({ warnings: [] });
      expect(modelJudge.planModel(spec).layers.length).toBeGreaterThan(2);
      const { task } = findDataset(spec.dataset.id);
      expect(targetOptions(task).map(({ value }) => value)).toContain(spec.target.metric);
    }
  },
);

test('every run is a spec the contract takes, seeds outermost', () => {
  const runs = runsOf(readDraft(draft((d) => (d.seeds = '4-5'))));
  const groups = preset.groups.length;
  expect(runs.map((run) => run.spec.seed)).toEqual([...Array(groups).fill(4), ...Array(groups).fill(5)]);
  for (const run of runs) expect(() => runSpecSchema.parse(run.spec)).not.toThrow();
});

test.each([
  ['-1', 'Damping must be above 0; try 0.001 to 0.1.'],
  ['0', 'Damping must be above 0; try 0.001 to 0.1.'],
  ['', 'Damping needs a number, for example 0.01.'],
  ['much', 'Damping needs a number, for example 0.01.'],
  ['Infinity', 'Damping needs a number, for example 0.01.'],
])('damping "%s" is refused at its field', (text, sentence) => {
  const made = draft((d) => (kfac(d).values['damping'] = text));
  expect(readDraft(made).errors.get(`${kfac(made).id}.damping`)).toBe(sentence);
});

test('a wrong setting of a column does not hide what is right in the others', () => {
  const made = draft((d) => (kfac(d).values['lr'] = '11'));
  const read = readDraft(made);
  expect([...read.errors]).toEqual([[`${kfac(made).id}.lr`, 'Learning rate must be at most 10.']]);
  expect(read.groups).toHaveLength(preset.groups.length - 1);
});

test.each<[string, (d: Draft) => void, string, string]>([
  [
    'heads',
    (d) => Object.assign(d.model.values, { width: '32', heads: '5' }),
    'model.heads',
    'Heads must divide the width 32; 5 heads do not.',
  ],
  [
    'patch',
    (d) => (d.model.values['patch'] = '3'),
    'model.patch',
    'Patch must divide the image side 8; 3 does not.',
  ],
  ['steps', (d) => (d.run['steps'] = '2.5'), 'run.steps', 'Steps must be a whole number.'],
  [
    'evaluation',
    (d) => Object.assign(d.run, { steps: '200', evaluateEvery: '500' }),
    'run.evaluateEvery',
    'Evaluate every must be at most the number of steps, 200.',
  ],
  [
    'held out',
    (d) => (d.dataset['validationFraction'] = '0.95'),
    'dataset.validationFraction',
    'Held out must be below 0.9.',
  ],
  ['name', (d) => (d.name = ' '), 'name', 'A comparison needs a name.'],
  ['seed twice', (d) => (d.seeds = '1, 2, 1'), 'seeds', 'Seed 1 is listed twice.'],
  ['no seed', (d) => (d.seeds = ''), 'seeds', 'At least one seed is needed, for example 1, 2, 3.'],
])('%s is refused at its field', (_what, change, field, sentence) => {
  expect(readDraft(draft(change)).errors.get(field)).toBe(sentence);
});

test('what does not fit together is said beside what is wrong by itself', () => {
  const made = draft((d) => {
    Object.assign(d.model.values, { width: '32', heads: '5', blocks: '0' });
    Object.assign(d.run, { steps: '200', evaluateEvery: '500', batchSize: '1.5' });
  });
  expect([...readDraft(made).errors.keys()].sort()).toEqual([
    'model.blocks',
    'model.heads',
    'run.batchSize',
    'run.evaluateEvery',
  ]);
});

test('a wrong number of steps is one mistake, not two', () => {
  const { errors } = readDraft(draft((d) => (d.run['steps'] = '-3')));
  expect([...errors.keys()]).toEqual(['run.steps']);
});

test('a word among the seeds is named', () => {
  expect(readDraft(draft((d) => (d.seeds = '1, x'))).errors.get('seeds')).toContain('“x” is not a seed');
});

test('columns with the same settings, or the same name, are told apart by the reader', () => {
  const made = draft((d) => {
    const column = kfac(d);
    d.columns.push({ ...newColumn('kfac', column.values), name: 'Twin' });
    d.columns.push({ ...newColumn('sgd'), name: 'AdamW' });
  });
  const errors = readDraft(made).errors;
  const [twin, namesake] = made.columns.slice(-2);
  expect(errors.get(`${twin?.id}.name`)).toContain('same settings as K-FAC expand');
  expect(errors.get(`${namesake?.id}.name`)).toContain('Two columns have this name');
});

test('a column that is not named is called after its settings', () => {
  const made = draft((d) => (d.columns = [newColumn('sgd'), newColumn('kfac', { flavour: 'reduce' })]));
  expect(readDraft(made).groups.map((group) => group.name)).toEqual(['SGD Nesterov', 'K-FAC reduce']);
});

test.each(optimizerOptions.map(({ value }) => [value as ColumnDraft['optimizer']]))(
  'a new column of %s has what its schema starts with',
  (optimizer) => {
    const made = draft((d) => (d.columns = [newColumn(optimizer)]));
    const read = readDraft(made);
    expect([...read.errors]).toEqual([]);
    const flavour = optimizerFields.find(({ key }) => key === 'flavour');
    const own = made.columns[0] && flavour?.uses(made.columns[0]) ? { flavour: 'expand' } : {};
    expect(read.groups[0]?.spec.optimizer).toEqual(
      optimizerSpecSchema.parse({ name: optimizer, lr: 0.01, ...own }),
    );
  },
);

test('a column that goes from one optimiser to another and back is right all the way', () => {
  const made = draft((d) => (d.columns = [newColumn('kfac', { dampingRule: 'pi' })]));
  const column = made.columns[0] as ColumnDraft;
  for (const { value } of [...optimizerOptions, ...optimizerOptions.toReversed()]) {
    changeOptimizer(column, value as ColumnDraft['optimizer']);
    expect([...readDraft(made).errors], value).toEqual([]);
  }
});

test('clipping that is left empty is off; anything else must be a norm', () => {
  const clipped = (text: string) =>
    readDraft(draft((d) => (d.columns = [newColumn('nadamw', { clipNorm: text })])));
  expect(clipped(' ').groups[0]?.spec.optimizer).toMatchObject({ name: 'nadamw', clipNorm: null });
  expect(clipped('1').groups[0]?.spec.optimizer).toMatchObject({ name: 'nadamw', clipNorm: 1 });
  expect([...clipped('0').errors.values()]).toEqual(['Clip gradient to must be above 0; try 1.']);
  expect([...clipped('much').errors.values()]).toEqual([
    'Clip gradient to needs a number, for example 0.01.',
  ]);
});

test('every setting of K-FAC goes through the form, and through JSON', () => {
  const optimizer = optimizerSpecSchema.parse({
    name: 'kfac',
    flavour: 'auto',
    recipe: 'classic',
    lr: 0.02,
    damping: 1e-4,
    dampingRule: 'exact',
    dampingScale: 'loss',
    dampingFloor: 1e-5,
    dampingAdaptation: 'levenberg-marquardt',
    adaptationInterval: 3,
    adaptationDecay: 0.9,
    graft: 'sgd',
    momentumPlace: 'after',
    klClip: 1e-3,
    fisherSamples: 4,
    reduceConvention: 'sumA_meanG',
    maxFactorSide: 512,
    embeddings: 'kfac',
    layers: [
      { pattern: 'blocks.*.mlp.in', flavour: 'reduce' },
      { pattern: 'head', flavour: 'expand' },
    ],
    factorInterval: 4,
    inverseInterval: 5,
    denseSteps: 6,
    inversionBudget: 50,
    factorDecay: 0.8,
    beta1: 0.8,
    beta2: 0.95,
    eps: 1e-6,
    momentum: 0.7,
    weightDecay: 0.1,
    clipNorm: 1,
    otherLrMultiplier: 2,
  });
  const spec = { ...(preset.groups[0] as (typeof preset.groups)[number]).spec, optimizer };
  const made = draftFromPreset({ name: 'All of it', seeds: [1], groups: [{ name: 'K-FAC', spec }] });
  expect([...readDraft(made).errors]).toEqual([]);
  expect(readDraft(made).groups[0]?.spec).toEqual(spec);
  const again = draftFromPreset(fromJson(toJson('again', readDraft(made))));
  expect(readDraft(again).groups[0]?.spec).toEqual(spec);
});

test.each<[string, Record<string, string>, string, string]>([
  [
    'an exception without a flavour',
    { layers: 'patch: reduce\n\nhead' },
    'layers',
    '“head” needs a layer and a flavour',
  ],
  [
    'a flavour that is none',
    { layers: 'head: shrink' },
    'layers',
    '“head: shrink” needs a layer and a flavour',
  ],
  [
    'more exceptions than there is room for',
    { layers: 'head: expand\n'.repeat(65) },
    'layers',
    'Single layers: at most 64 are allowed.',
  ],
  [
    'a rule for factors in EKFAC',
    { preconditioner: 'ekfac', dampingRule: 'pi' },
    'dampingRule',
    'Damping rule must be relative or exact for ekfac',
  ],
  ['a divergence of nothing', { klClip: '0' }, 'klClip', 'Clip divergence to must be above 0; try 0.001.'],
  ['a budget of words', { inversionBudget: 'all' }, 'inversionBudget', 'Inversion budget needs a number'],
  ['half a label', { fisherSamples: '1.5' }, 'fisherSamples', 'Labels drawn must be a whole number.'],
  ['short sides', { maxFactorSide: '8' }, 'maxFactorSide', 'Longest side must be at least 16.'],
  [
    'an adaptation that does not adapt',
    { dampingAdaptation: 'levenberg-marquardt', adaptationDecay: '1' },
    'adaptationDecay',
    'Adaptation factor must be below 1; try 0.95.',
  ],
  ['a recipe of one’s own', { recipe: 'mine' }, 'recipe', 'Recipe must be one of grafted, classic.'],
])('%s is refused at its field', (_what, values, key, sentence) => {
  const made = draft((d) => (d.columns = [newColumn('kfac', values)]));
  const [column] = made.columns;
  const errors = readDraft(made).errors;
  expect([...errors.keys()]).toEqual([`${column?.id}.${key}`]);
  expect(errors.get(`${column?.id}.${key}`)).toContain(sentence);
});

test('what has no meaning is not asked: wrong texts behind it do no harm', () => {
  const hidden = { dampingFloor: '-1', adaptationDecay: 'much', momentum: 'none' };
  const made = draft((d) => (d.columns = [newColumn('kfac', hidden)]));
  expect([...readDraft(made).errors]).toEqual([]);
  expect(readDraft(made).groups[0]?.spec.optimizer).toMatchObject({ dampingFloor: 0, momentum: 0.9 });
});

test.each([{ preconditioner: 'ekfac' }, { dampingRule: 'exact' }])(
  'a way to invert that was chosen before is no mistake where nothing is inverted: %j',
  (values) => {
    const optimizer = (own: object) => {
      const made = draft((d) => (d.columns = [newColumn('kfac', { inversion: 'newton-schulz', ...own })]));
      expect([...readDraft(made).errors]).toEqual([]);
      return readDraft(made).groups[0]?.spec.optimizer;
    };
    expect(optimizer({})).toMatchObject({ inversion: 'newton-schulz' });
    expect(optimizer(values)).toMatchObject({ inversion: 'cholesky' });
  },
);

test('a pattern that fits no layer is refused where somebody knows the layers', () => {
  const made = draft((d) => (d.columns = [newColumn('kfac', { layers: 'block.*: reduce' })]));
  const [column] = made.columns;
  const read = readDraft(made, {
    unreadable: () => null,
    unfitWeights: () => null,
    unfitPattern: ({ optimizer }) => ('layers' in optimizer ? (optimizer.layers[0]?.pattern ?? null) : null),
  });
  expect(read.errors.get(`${column?.id}.layers`)).toContain('“block.*” fits no layer');
  expect(read.groups).toEqual([]);
});

test('no hidden layer at all is a mistake in words', () => {
  const made = draft((d) => (d.model = { kind: 'mlp', values: { hidden: ' ', activation: 'tanh' } }));
  expect(readDraft(made).errors.get('model.hidden')).toBe('Hidden widths: at least one number is needed.');
});

test('a choice that the next optimiser does not have is given up, others stay', () => {
  const made = draft((d) => (d.columns = [newColumn('kfac', { dampingRule: 'pi', fisher: 'type2-shared' })]));
  const column = made.columns[0] as ColumnDraft;
  changeOptimizer(column, 'singd');
  expect(readDraft(made).groups[0]?.spec.optimizer).toMatchObject({
    name: 'singd',
    dampingRule: 'relative',
    fisher: 'type2-shared',
  });
});

test('a column that becomes another optimiser takes its usual kind of decay', () => {
  const made = draft((d) => (d.columns = [newColumn('adamw', { lr: '0.5' })]));
  const column = made.columns[0] as ColumnDraft;
  changeOptimizer(column, 'sgd');
  expect(readDraft(made).groups[0]).toMatchObject({
    name: 'SGD Nesterov',
    spec: { optimizer: { lr: 0.5, weightDecayKind: 'l2' } },
  });
  column.values['weightDecayKind'] = 'decoupled';
  expect(readDraft(made).groups[0]?.name).toBe('SGD Nesterov (decoupled decay)');
});

test.each(['constant', 'warmup-cosine', 'warmup-linear'])('the schedule %s goes through the form', (kind) => {
  const made = draft((d) => Object.assign(d.run, { schedule: kind, warmupSteps: '7' }));
  const group = readDraft(made).groups[0];
  expect(group?.spec.schedule).toEqual(kind === 'constant' ? { kind } : { kind, warmupSteps: 7 });
  const back = draftFromPreset(fromJson(toJson('again', readDraft(made))));
  expect(readDraft(back).groups[0]?.spec.schedule).toEqual(group?.spec.schedule);
});

test('a CNN and an MLP read their lists of widths', () => {
  const cnn = draft((d) => (d.model = { kind: 'cnn', values: { channels: '8, 16 32' } }));
  expect(readDraft(cnn).groups[0]?.spec.model).toEqual({ kind: 'cnn', channels: [8, 16, 32] });
  const mlp = draft((d) => (d.model = { kind: 'mlp', values: { hidden: '64, wide', activation: 'tanh' } }));
  expect(readDraft(mlp).errors.get('model.hidden')).toBe('Hidden widths must be a whole number.');
});

test('a comparison survives the way through JSON, and bad JSON is explained', () => {
  const json = toJson('First light', readDraft(draft()));
  const back = draftFromPreset(fromJson(json));
  expect(runsOf(readDraft(back))).toEqual(runsOf(readDraft(draft())));
  expect(() => fromJson('{"name": 1')).toThrow(/This is not JSON/);
  expect(() => fromJson('{"name":"x","seeds":[1],"groups":[]}')).toThrow(/groups/);
  const other = JSON.parse(json) as { groups: { spec: { steps: number } }[] };
  const second = other.groups[1];
  if (second) second.spec.steps = 7;
  expect(() => fromJson(JSON.stringify(other))).toThrow(/differ in more than their optimiser/);
});

test('a stored draft is read back as it was left, mistakes included; damage gives none', () => {
  const made = draft((d) => (kfac(d).values['lr'] = 'fast'));
  expect(parseDraft(JSON.stringify(made))).toEqual(made);
  const older = structuredClone(made);
  const { augmentation: _augmentation, ...withoutAugmentation } = older;
  for (const column of older.columns) {
    delete column.values['clipNorm'];
    delete column.values['weightDecayKind'];
  }
  delete older.dataset['contextLength'];
  expect(parseDraft(JSON.stringify(withoutAugmentation))).toEqual(made);
  expect(parseDraft('')).toBeNull();
  expect(parseDraft('{"name":')).toBeNull();
  expect(parseDraft('{"name":"old"}')).toBeNull();
});

test('a control from before it had a name of its own is read: pasted, and in a stored draft', () => {
  const control = { name: 'grafted-identity', lr: 0.02, otherLrMultiplier: 3 };
  const spec = preset.groups[0]!.spec;
  const text = (optimizer: object) =>
    JSON.stringify({ name: 'Old', seeds: [1], groups: [{ name: 'Control', spec: { ...spec, optimizer } }] });
  const old = { ...control, name: 'kfac', flavour: 'reduce', preconditioner: 'identity', damping: 0.5 };
  const read = readDraft(draftFromPreset(fromJson(text(old))));
  expect(read.groups[0]?.spec.optimizer).toEqual(optimizerSpecSchema.parse(control));

  const made = draftFromPreset(fromJson(text(control)));
  const [column] = made.columns;
  const values = { ...column!.values, preconditioner: 'identity' };
  const stored = { ...made, columns: [{ ...column!, optimizer: 'kfac', values }] };
  expect(parseDraft(JSON.stringify(stored))).toEqual(made);
});

test('a model that cannot read the data set is an error at the architecture, once somebody can tell', () => {
  const decoder = draft((d) => (d.model.kind = 'decoder'));
  expect(readDraft(decoder).errors.has('model.kind')).toBe(false);
  const judge = {
    unfitPattern: () => null,
    unfitWeights: () => null,
    unreadable: () => 'decoder reads text; this data set has images',
  };
  const { errors, groups } = readDraft(decoder, judge);
  expect(errors.get('model.kind')).toBe('Decoder reads text; this data set has images.');
  expect(groups).toEqual([]);
});

/** A draft on another bundled set, the model that reads it chosen as by hand. */
function draftOn(id: string, change: (draft: Draft) => void): Draft {
  return draft((d) => {
    followDataset(d, findBundled(id)!, (changed) => {
      const spec = readDraft(changed).groups[0]?.spec;
      return spec === undefined || modelJudge.isBuildable(spec);
    });
    change(d);
  });
}

test.each<[string, string, (d: Draft) => void, string, string]>([
  [
    'a crop as large as the image',
    'digits',
    (d) => (d.augmentation['shift'] = '8'),
    'augmentation.shift',
    'Random crop must be below the image side, 8; 8 is not.',
  ],
  [
    'half a pixel',
    'digits',
    (d) => (d.augmentation['cutout'] = '1.5'),
    'augmentation.cutout',
    'Cutout must be a whole number.',
  ],
  [
    'mix-up of a table',
    'spirals',
    (d) => (d.augmentation['mixUp'] = '0.2'),
    'augmentation.mixUp',
    'Mix-up must be 0; only images of classes are augmented, and this data set has table.',
  ],
  [
    'a window on images',
    'digits',
    (d) => (d.dataset['contextLength'] = '32'),
    'dataset.contextLength',
    'Window must be empty: only texts are read in windows.',
  ],
  [
    'a seed of digits',
    'digits',
    (d) => (d.dataset['seed'] = '3'),
    'dataset.seed',
    'Data seed must be empty: only computed sets are drawn from a seed.',
  ],
  [
    'a seed below 0',
    'spirals',
    (d) => (d.dataset['seed'] = '-1'),
    'dataset.seed',
    'Data seed must be at least 0.',
  ],
  [
    'no window at all',
    'moby-dick',
    (d) => (d.dataset['contextLength'] = '0'),
    'dataset.contextLength',
    'Window must be at least 1.',
  ],
])('%s is refused at its field', (_what, id, change, field, sentence) => {
  const { errors } = readDraft(draftOn(id, change));
  expect([...errors]).toEqual([[field, sentence]]);
});

test('what does not fit the images is said beside what is wrong by itself', () => {
  const made = draft((d) => Object.assign(d.augmentation, { mixUp: '99', cutout: '9' }));
  expect([...readDraft(made).errors.keys()].sort()).toEqual(['augmentation.cutout', 'augmentation.mixUp']);
});

test('a window that a text is too short for is refused, the usual one as well', () => {
  const text: FormDataset = {
    ...{ id: 'short', name: 'Short', kind: 'text', task: 'language', example: [], outputs: 9 },
    ...{ examples: 100, isSplit: false, isComputed: false },
  };
  const windowOf = (contextLength: string) => {
    const made = draft((d) => {
      followDataset(d, text, () => false);
      Object.assign(d.dataset, { contextLength, validationFraction: '0.3' });
    });
    return readDraft(made, null, (id) => (id === 'short' ? text : undefined)).errors.get(
      'dataset.contextLength',
    );
  };
  expect(windowOf('29')).toBeUndefined();
  expect(windowOf('30')).toBe('Window must be at most 29, or the parts of this text are too short.');
  expect(windowOf('')).toContain('at most 29');
});

test('fields are shown where they fit, and where what they hold does not', () => {
  const shown = (id: string, values: Record<string, string> = {}) =>
    shownFields(
      augmentationFields,
      { ...augmentationStart, ...values },
      augmentationStart,
      findBundled(id),
    ).map(({ key }) => key);
  expect(shown('digits')).toEqual(['shift', 'flip', 'cutout', 'mixUp']);
  expect(shown('moby-dick')).toEqual([]);
  expect(shown('spirals', { cutout: '2' })).toEqual(['cutout']);
});

test('another kind of data set takes along neither augmentation nor window', () => {
  const made = draft((d) => Object.assign(d.augmentation, { shift: '1', flip: 'horizontal' }));
  followDataset(made, findBundled('moby-dick')!, () => false);
  expect(made.augmentation).toEqual(augmentationStart);
  made.dataset['contextLength'] = '32';
  followDataset(made, findBundled('spirals')!, () => false);
  expect(made.dataset['contextLength']).toBe('');
  expect([...readDraft(made).errors]).toEqual([]);
});

test('start weights that are gone, or fit another model, are refused with the tensor; unknown ones are not judged', () => {
  const hash = 'ab'.repeat(32);
  const file: WeightsFile = {
    ...{ hash, bytes: 100 },
    tensors: [{ name: 'patch.weight', type: 'f32', shape: [32, 9] }],
  };
  const made = draft((d) => (d.run['startWeights'] = hash));
  const mistake = (find: () => WeightsFile | null | undefined) =>
    readDraft(made, modelJudge, findBundled, find).errors.get('run.startWeights');
  expect(mistake(() => undefined)).toBeUndefined();
  expect(mistake(() => null)).toBe('These weights are not in the lab; choose the file again.');
  expect(mistake(() => file)).toMatch(
    /^They do not fit the model: abababababab, tensor "patch\.weight": has the shape \[32, 9\]; the model needs \[32, 4\]\.$/,
  );
  expect(readDraft(made).groups[0]?.spec.startWeights).toBe(hash);
  made.run['startWeights'] = 'no hash';
  expect(mistake(() => null)).toBe('Start weights must be 64 hexadecimal digits.');
});
