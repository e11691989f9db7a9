import { expect, test } from 'vitest';
import { findModelPreset, modelPresets } from '../../contract/model-presets.ts';
import { draftFromPreset } from './draft.ts';
import { presets } from '../../contract/presets.ts';
import { modelKinds, modelStart, sizeOf, sizesOf, textsOfSize } from './model-fields.ts';
import { readDraft } from './read-draft.ts';

test('every model comes in two sizes', () => {
  for (const kind of modelKinds) expect(sizesOf(kind), kind).toHaveLength(2);
});

test.each(modelPresets.map(({ id }) => id))(
  'the size %s fills the form with its settings and is known again',
  (id) => {
    const { model } = findModelPreset(id)!;
    const draft = draftFromPreset(presets['first-light']!);
    draft.model.kind = model.kind;
    Object.assign(draft.model.values, textsOfSize(id));
    expect(sizeOf(model.kind, draft.model.values)).toBe(id);
    draft.dataset['id'] = 'digits';
    const [group] = readDraft(draft).groups;
    expect(group?.spec.model).toEqual(model);
    const [slot] = Object.keys(textsOfSize(id));
    draft.model.values[slot!] = '7';
    expect(sizeOf(model.kind, draft.model.values)).toBe('');
  },
);

test('a name that means another thing in another model has a place of its own', () => {
  const draft = draftFromPreset(presets['first-light']!);
  Object.assign(draft.model.values, textsOfSize('vit-s16'), textsOfSize('wrn-16-4'));
  expect(draft.model.values['width']).toBe('384');
  expect(draft.model.values['channelFactor']).toBe('4');
  expect(modelStart['width']).toBe('32');
});
