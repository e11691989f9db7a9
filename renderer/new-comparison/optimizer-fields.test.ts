/** The form against the contract: every setting has its field, every choice is offered, and nothing else is asked. */
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { modelSpecSchema, optimizerSpecSchema } from '../../contract/run-spec.ts';
import { newColumn } from './draft.ts';
import { defaultNote, isChanged } from './field-notes.ts';
import { optimizerOptions } from './fields.ts';
import { fieldsOfModel } from './model-fields.ts';
import { choicesOf, optimizerFields, optionsOf, type FieldDefinition } from './optimizer-fields.ts';
import { defaultsOf, defaultText } from './setting-texts.ts';
import { variants } from './test-variants.ts';

const schemas = optimizerSpecSchema.options.map(
  (schema) => [schema.shape.name.value, schema.shape as unknown as Record<string, z.ZodType>] as const,
);

function field(key: string): FieldDefinition {
  const found = optimizerFields.find((candidate) => candidate.key === key);
  if (!found) throw new Error(`the form has no field ${key}`);
  return found;
}

/** The words a setting may be, null left out; null: it is no word. */
function wordsOf(schema: z.ZodType): string[] | null {
  const { def } = schema as unknown as { def: { type: string; innerType?: z.ZodType; entries?: object } };
  if (def.innerType) return wordsOf(def.innerType);
  return def.entries ? Object.values(def.entries as Record<string, string>) : null;
}

test.each(schemas)('%s has a field for each of its settings, and shows none of another’s', (name, shape) => {
  const shown = new Set(
    variants(name).flatMap((column) => optimizerFields.filter((f) => f.uses(column)).map(({ key }) => key)),
  );
  expect([...shown].sort()).toEqual(
    Object.keys(shape)
      .filter((key) => key !== 'name')
      .sort(),
  );
});

test.each(schemas)('%s is offered the words that its schema takes', (name, shape) => {
  for (const [key, schema] of Object.entries(shape)) {
    const words = wordsOf(schema);
    if (key === 'name' || !words) continue;
    const offered = new Set(
      variants(name)
        .filter(field(key).uses)
        .flatMap((column) => choicesOf(field(key), column) ?? [])
        .map(({ value }) => value)
        .filter((value) => value !== ''),
    );
    expect([...offered].sort(), key).toEqual(words.toSorted());
  }
});

test.each(schemas)('what may be left empty in %s is what the schema takes as null', (_name, shape) => {
  for (const [key, schema] of Object.entries(shape)) {
    if (key !== 'name') expect(field(key).isOptional ?? false, key).toBe(schema.safeParse(null).success);
  }
});

test('every optimiser of the contract is offered', () => {
  expect(optimizerOptions.map(({ value }) => value).sort()).toEqual(schemas.map(([name]) => name).sort());
});

test('every model of the contract has a field for each of its settings', () => {
  for (const schema of modelSpecSchema.options) {
    const shape = schema.shape as unknown as Record<string, z.ZodType>;
    const fields = fieldsOfModel(schema.shape.kind.value);
    const settings = Object.keys(shape).filter((key) => key !== 'kind');
    expect(fields.map(({ key }) => key).sort()).toEqual(settings.sort());
    for (const { key, options } of fields) {
      const words = shape[key] ? wordsOf(shape[key]) : null;
      expect(options?.map(({ value }) => value) ?? null, key).toEqual(words);
    }
  }
});

test('every field says in one sentence, or two, what it does', () => {
  for (const { key, about } of optimizerFields) {
    expect(about, key).toMatch(/^[A-Z].{20,210}\.$/);
  }
});

test.each([
  ['fisherSamples', { fisher: 'mc' }, { fisher: 'type2' }],
  ['adaptationInterval', { dampingAdaptation: 'levenberg-marquardt' }, {}],
  ['adaptationDecay', { dampingAdaptation: 'levenberg-marquardt' }, {}],
  ['dampingFloor', { dampingScale: 'loss' }, {}],
  ['dampingFloor', { dampingAdaptation: 'levenberg-marquardt' }, {}],
  ['dampingScale', { preconditioner: 'ekfac', dampingRule: 'exact' }, { preconditioner: 'ekfac' }],
  [
    'dampingFloor',
    { preconditioner: 'ekfac', dampingRule: 'exact', dampingScale: 'loss' },
    { preconditioner: 'ekfac', dampingScale: 'loss' },
  ],
  ['momentum', { recipe: 'classic' }, { recipe: 'grafted' }],
  ['momentum', { momentumPlace: 'after' }, { recipe: 'classic', momentumPlace: 'before' }],
  ['inversion', { dampingRule: 'pi' }, { dampingRule: 'exact' }],
  ['inversion', {}, { preconditioner: 'ekfac' }],
  ['reduceConvention', { flavour: 'auto' }, {}],
  ['reduceConvention', { layers: 'head: reduce' }, { layers: 'head: expand' }],
])('%s appears where it has a meaning', (key, withMeaning, without) => {
  expect(field(key).uses(newColumn('kfac', withMeaning))).toBe(true);
  expect(field(key).uses(newColumn('kfac', without))).toBe(false);
});

test('Shampoo with SGD’s length has no squares to average', () => {
  expect(field('beta2').uses(newColumn('shampoo'))).toBe(true);
  expect(field('beta2').uses(newColumn('shampoo', { grafting: 'sgd' }))).toBe(false);
});

test('a choice that the other settings rule out is not offered, but stays in sight', () => {
  const values = (preconditioner: string) => {
    const column = newColumn('kfac', { preconditioner, dampingRule: 'pi' });
    return optionsOf(field('dampingRule'), column)?.map(({ value }) => value);
  };
  expect(values('kronecker')).toEqual(['relative', 'pi', 'sqrt', 'plain', 'exact']);
  expect(values('ekfac')).toEqual(['relative', 'exact', 'pi']);
});

test('defaults are said once, or for each optimiser where they differ', () => {
  const columns = [newColumn('kfac'), newColumn('soap'), newColumn('shampoo'), newColumn('sgd')];
  expect(defaultNote(field('factorDecay'), columns)).toBe('Default: 0.9 (K-FAC), 0.95 (SOAP, Shampoo).');
  expect(defaultNote(field('rootEpsilon'), columns)).toBe('Default: 1e-5.');
  expect(defaultNote(field('dampingRule'), columns)).toBe('Default: relative.');
  expect(defaultNote(field('clipNorm'), columns)).toBe('Default: off.');
  expect(defaultNote(field('layers'), columns)).toBe('Default: none.');
  expect(defaultNote(field('graft'), columns)).toBe('Default: as the recipe has it.');
  expect(defaultNote(field('lr'), columns)).toBe('');
});

test('a setting counts as changed when it is used and not what it starts with', () => {
  const decay = field('factorDecay');
  expect(isChanged(decay, newColumn('kfac', { factorDecay: ' 0.9 ' }))).toBe(false);
  expect(isChanged(decay, newColumn('kfac', { factorDecay: '0.95' }))).toBe(true);
  expect(isChanged(decay, newColumn('grafted-identity', { factorDecay: '0.95' }))).toBe(false);
  expect(isChanged(field('lr'), newColumn('kfac', { lr: '0.5' }))).toBe(false);
});

test('a new column holds a text for every setting of every optimiser, its own first', () => {
  const soap = defaultsOf('soap');
  expect(soap).toMatchObject({
    beta2: '0.95',
    factorDecay: '0.95',
    dampingRule: 'relative',
    nesterov: 'true',
  });
  expect(defaultText('soap', 'dampingRule')).toBeNull();
  expect(defaultText('soap', 'beta2')).toBe('0.95');
  for (const { key } of optimizerFields) expect(soap, key).toHaveProperty(key);
});
