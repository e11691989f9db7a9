import { describe, expect, it } from 'vitest';
import { augmentationMistake, augments, noAugmentation } from './augmentation.ts';
import { groupHash } from './group-hash.ts';
import { flattenSpec } from './flatten-spec.ts';
import { presets } from './presets.ts';
import { augmentationSpecSchema, runSpecSchema } from './run-spec.ts';

const { spec } = presets['first-light']!.groups[0]!;
const images = { kind: 'images', task: 'classification', example: [3, 32, 24] } as const;

describe('augmentation in a spec', () => {
  it('is off where nothing is said', () => {
    expect(runSpecSchema.parse(spec)).not.toHaveProperty('augmentation');
    expect(augmentationSpecSchema.parse({})).toEqual(noAugmentation);
    expect(augments(undefined)).toBe(false);
    expect(augments(noAugmentation)).toBe(false);
    expect(augments({ ...noAugmentation, flip: 'horizontal' })).toBe(true);
  });

  it.each([
    [{ shift: -1 }, 'shift', 'must be at least 0'],
    [{ shift: 1.5 }, 'shift', 'must be a whole number'],
    [{ cutout: -4 }, 'cutout', 'must be at least 0'],
    [{ mixUp: 17 }, 'mixUp', 'must be at most 16; try 0.2 or 1'],
    [{ flip: 'vertical' }, 'flip', 'Invalid option: expected one of "none"|"horizontal"'],
  ])('has bounds: %j', (augmentation, field, message) => {
    const issues = runSpecSchema.safeParse({ ...spec, augmentation }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join('.'))).toEqual([`augmentation.${field}`]);
    expect(issues[0]?.message).toBe(message);
  });

  it('refuses mixed labels where an optimiser takes the true one', () => {
    const issuesOf = (fisher: string, augmentation: object) =>
      runSpecSchema.safeParse({
        ...{ ...spec, augmentation },
        optimizer: { name: 'kfac', lr: 0.1, flavour: 'reduce', fisher },
      }).error?.issues ?? [];
    const [issue] = issuesOf('empirical', { mixUp: 0.2 });
    expect(issue?.path.join('.')).toBe('augmentation.mixUp');
    expect(issue?.message).toContain('must be 0 with the empirical Fisher');
    expect(issuesOf('empirical', { shift: 2, mixUp: 0 })).toEqual([]);
    for (const fisher of ['mc', 'type2', 'type2-shared'])
      expect(issuesOf(fisher, { mixUp: 0.2 })).toEqual([]);
  });

  it('tells groups apart, and is no change where it does nothing', () => {
    expect(groupHash({ ...spec, augmentation: noAugmentation })).toBe(groupHash(spec));
    const hashes = [{}, { shift: 2 }, { flip: 'horizontal' }, { cutout: 4 }, { mixUp: 0.2 }].map((changes) =>
      groupHash(runSpecSchema.parse({ ...spec, augmentation: changes })),
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('has a name for each setting, and none in runs without it', () => {
    const names = (run: typeof spec) =>
      flattenSpec(run).flatMap(([name]) => (name.startsWith('augmentation') ? [name] : []));
    expect(names(spec)).toEqual([]);
    expect(names({ ...spec, augmentation: { ...noAugmentation, shift: 2 } })).toEqual([
      'augmentation.shift',
      'augmentation.flip',
      'augmentation.cutout',
      'augmentation.mixUp',
    ]);
  });
});

describe('augmentation of a data set', () => {
  it('fits images of classes that are larger than what is taken of them', () => {
    expect(augmentationMistake({ shift: 23, flip: 'horizontal', cutout: 23, mixUp: 1 }, images)).toBeNull();
    for (const field of ['shift', 'cutout'] as const)
      expect(augmentationMistake({ ...noAugmentation, [field]: 24 }, images)).toEqual({
        field,
        message: 'must be below the image side, 24; 24 is not',
      });
  });

  it.each([
    ['table', 'classification', 'table'],
    ['text', 'language', 'text'],
    ['graphs', 'classification', 'graphs'],
    ['images', 'regression', 'images for regression'],
  ] as const)('refuses %s for %s, but not to leave them alone', (kind, task, what) => {
    const shape = { kind, task, example: [8] };
    expect(augmentationMistake(noAugmentation, shape)).toBeNull();
    expect(augmentationMistake({ ...noAugmentation, flip: 'horizontal', cutout: 2 }, shape)).toEqual({
      field: 'flip',
      message: `must be none; only images of classes are augmented, and this data set has ${what}`,
    });
  });
});
