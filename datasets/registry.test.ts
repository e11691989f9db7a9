import { describe, expect, it } from 'vitest';
import { datasets, findDataset } from './registry.ts';

describe('findDataset', () => {
  it('finds every listed data set by its id', () => {
    expect(datasets.length).toBeGreaterThan(0);
    for (const entry of datasets) expect(findDataset(entry.id)).toBe(entry);
  });

  it('lists the known ids when asked for another', () => {
    expect(() => findDataset('mnist')).toThrow('unknown data set "mnist"; known data sets: digits');
  });
});
