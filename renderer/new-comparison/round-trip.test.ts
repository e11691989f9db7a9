/**
 * A comparison that is pasted trains what its text says. Every setting of the contract goes through the form, found in the
 * schema itself, so that one which is added there cannot be forgotten here.
 */
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { modelPresets } from '../../contract/model-presets.ts';
import { presets } from '../../contract/presets.ts';
import {
  datasetSpecSchema,
  modelSpecSchema,
  optimizerSpecSchema,
  runSpecSchema,
  scheduleSpecSchema,
  type RunSpec,
} from '../../contract/run-spec.ts';
import { fittingOp } from '../../contract/runs.ts';
import { draftFromPreset, newColumn } from './draft.ts';
import { fromJson, toJson } from './json.ts';
import * as modelJudge from './model-layers.ts';
import { optimizerFields } from './optimizer-fields.ts';
import { readDraft } from './read-draft.ts';
import { texts } from './setting-texts.ts';
import { variants } from './test-variants.ts';

interface Definition {
  type: string;
  innerType?: z.ZodType;
  out?: z.ZodType;
  shape?: Record<string, z.ZodType>;
  options?: z.ZodType[];
  entries?: Record<string, string>;
  element?: z.ZodType;
}

const definition = (schema: z.ZodType) => (schema as unknown as { def: Definition }).def;

/** Without its default, without what lets it be null or left out, and behind what is done before it is asked. */
function core(schema: z.ZodType): z.ZodType {
  const { innerType, out } = definition(schema);
  const within = innerType ?? out;
  return within ? core(within) : schema;
}

/** Values that the schema takes, as different as its kind allows. */
function candidates(schema: z.ZodType): unknown[] {
  const { type, entries, element, shape } = definition(core(schema));
  const raw = (): unknown[] => {
    if (entries) return Object.values(entries);
    if (type === 'boolean') return [true, false];
    // A pattern of layers, else the hash of a file.
    if (type === 'string')
      return ['head', 'ab'.repeat(32)].filter((text) => schema.safeParse(text).success).slice(0, 1);
    if (element) return [candidates(element).slice(0, 2)];
    if (shape) return [0, 1].map((i) => mapValues(shape, (inner) => candidates(inner).at(-i)));
    return [0.123, 0.75, 1e-5, 2, 3, 4, 7, 22, 64];
  };
  return raw().filter((value) => schema.safeParse(value).success);
}

function mapValues<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

type Path = readonly string[];

/** Paths of all single settings, those of unions left out: they are asked option by option. */
function leaves(schema: z.ZodType, above: Path = []): { path: Path; schema: z.ZodType }[] {
  const { shape, options } = definition(core(schema));
  if (options) return [];
  if (!shape) return [{ path: above, schema }];
  return Object.entries(shape).flatMap(([key, inner]) => leaves(inner, [...above, key]));
}

function withValue(record: unknown, [key, ...below]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const old = (record ?? {}) as Record<string, unknown>;
  return { ...old, [key]: withValue(old[key], below, value) };
}

const at = (record: unknown, path: Path): unknown =>
  path.reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], record);

const start = presets['first-light']!.groups[0]!.spec;
/** One spec of every model, on data that it reads. */
const ofModels: RunSpec[] = modelSpecSchema.options.map((schema) => {
  const kind = schema.shape.kind.value;
  const [id, metric] =
    kind === 'decoder'
      ? (['moby-dick', 'val.loss'] as const)
      : kind === 'graph-network'
        ? (['solubility', 'val.rmse'] as const)
        : (['digits', 'val.accuracy'] as const);
  const { model } = modelPresets.find((preset) => preset.model.kind === kind)!;
  const target = { metric, op: fittingOp(metric), value: 0.5 };
  return runSpecSchema.parse({ ...start, dataset: { id }, model, target });
});

const onComputedData = ofModels
  .filter(({ model }) => model.kind === 'mlp')
  .map((spec) => ({ ...spec, dataset: datasetSpecSchema.parse({ id: 'spirals' }) }));

/** What `spec` is after it has been pasted into the form; null where the form finds something wrong with it. */
function pasted(spec: RunSpec): RunSpec | null {
  const json = JSON.stringify({ name: 'Pasted', seeds: [spec.seed], groups: [{ name: 'A', spec }] });
  const read = readDraft(draftFromPreset(fromJson(json)), modelJudge);
  if (read.errors.size > 0) return null;
  const again = readDraft(draftFromPreset(fromJson(toJson('Again', read))), modelJudge);
  expect(again.groups).toMatchObject(read.groups.map(({ name, spec: own }) => ({ name, spec: own })));
  return { ...read.groups[0]!.spec, seed: read.seeds[0]! };
}

/** The direction of a target follows its metric: the form has no field for it, and refuses a text with another. */
const followsMetric = 'target.op';

function withFittingOp(spec: RunSpec): RunSpec {
  return { ...spec, target: { ...spec.target, op: fittingOp(spec.target.metric) } };
}

/** Every value of a setting that some of the specs may have comes back. Answers how many there were but for its default. */
function expectAll(path: Path, schema: z.ZodType, specs: readonly RunSpec[]): void {
  let changed = 0;
  for (const base of specs) {
    for (const value of candidates(schema)) {
      const parsed = runSpecSchema.safeParse(withFittingOp(withValue(base, path, value) as RunSpec));
      const back = parsed.success ? pasted(parsed.data) : null;
      if (!parsed.success || back === null) continue;
      const what = `${path.join('.')} = ${JSON.stringify(value)}`;
      expect(at(back, path), what).toEqual(at(parsed.data, path));
      // What has no meaning beside the new value is as nobody had touched it.
      const optimizer = path[0] === 'optimizer' ? back.optimizer : parsed.data.optimizer;
      expect(back, what).toEqual({ ...parsed.data, optimizer });
      if (JSON.stringify(value) !== JSON.stringify(at(base, path))) changed += 1;
    }
  }
  expect(changed, `${path.join('.')} was never anything else than it is by itself`).toBeGreaterThan(0);
}

const single = leaves(runSpecSchema).filter(
  ({ path }) => path.join('.') !== followsMetric && path.join('.') !== 'dataset.id',
);

test.each(single.map(({ path, schema }) => [path.join('.'), path, schema] as const))(
  '%s goes through the form and through JSON',
  (_name, path, schema) => {
    // Where nothing else is done to images, doing nothing is not said at all.
    const other = { shift: 1, flip: 'horizontal', cutout: 0, mixUp: 0 } as const;
    const specs = [...ofModels, ...onComputedData].map((spec) =>
      path[0] === 'augmentation' ? { ...spec, augmentation: other } : spec,
    );
    expectAll(path, schema, specs);
  },
);

test('the settings found are those of the contract, groups of settings among them', () => {
  const names = single.map(({ path }) => path.join('.'));
  expect(names).toEqual(expect.arrayContaining(['dataset.contextLength', 'augmentation.mixUp', 'steps']));
  expect(new Set(names.map((name) => name.split('.')[0]))).toEqual(
    new Set(
      Object.keys(runSpecSchema.shape).filter((key) => !['model', 'optimizer', 'schedule'].includes(key)),
    ),
  );
});

test.each(modelSpecSchema.options.map((schema) => [schema.shape.kind.value, schema] as const))(
  'every setting of the model %s goes through',
  (kind, schema) => {
    const specs = ofModels.filter(({ model }) => model.kind === kind);
    for (const { path, schema: leaf } of leaves(schema))
      if (path[0] !== 'kind') expectAll(['model', ...path], leaf, specs);
  },
);

test.each(optimizerSpecSchema.options.map((schema) => [schema.shape.name.value, schema] as const))(
  'every setting of the optimiser %s goes through wherever it has a meaning',
  (name, schema) => {
    const mlp = ofModels.find(({ model }) => model.kind === 'mlp')!;
    const columns = variants(name).map((column) => {
      const own = Object.keys(schema.shape).filter((key) => column.values[key] !== undefined);
      return newColumn(name, Object.fromEntries(own.map((key) => [key, column.values[key]!])));
    });
    for (const { path, schema: leaf } of leaves(schema)) {
      const [key = ''] = path;
      if (key === 'name') continue;
      const field = optimizerFields.find((candidate) => candidate.key === key)!;
      const specs = columns.filter(field.uses).flatMap((column) => {
        const draft = { ...draftFromPreset(presets['first-light']!), columns: [column] };
        return readDraft(draft).groups.map(({ spec }) => ({ ...mlp, optimizer: spec.optimizer }));
      });
      const different = new Map(specs.map((spec) => [JSON.stringify(texts(spec.optimizer)), spec]));
      expectAll(['optimizer', ...path], leaf, [...different.values()].slice(0, 4));
    }
  },
  60_000,
);

test.each(scheduleSpecSchema.options.map((schema) => [schema.shape.kind.value, schema] as const))(
  'the schedule %s goes through with its settings',
  (kind, schema) => {
    const specs = [{ ...start, schedule: scheduleSpecSchema.parse({ kind }) }];
    for (const { path, schema: leaf } of leaves(schema))
      if (path[0] !== 'kind') expectAll(['schedule', ...path], leaf, specs);
    expect(pasted(specs[0]!)).toEqual(specs[0]);
  },
);

test('a direction that does not fit its metric is refused, and so is what the form does not know', () => {
  const text = (changes: object) =>
    JSON.stringify({ name: 'x', seeds: [1], groups: [{ name: 'A', spec: start }], ...changes });
  const worse = { ...start, target: { ...start.target, op: '<=' } };
  expect(() => fromJson(text({ groups: [{ name: 'A', spec: worse }] }))).toThrow(
    'target.op: must be >= for val.accuracy; <= is not.',
  );
  expect(() => fromJson(text({ settings: { steps: 3 } }))).toThrow(/settings/);
});
