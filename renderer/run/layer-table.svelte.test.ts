// @vitest-environment happy-dom
/** The layer table of a run: flavours with their reasons, and factors in blocks and groups. */
import { cleanup, render, screen, within } from '@testing-library/svelte';
import { afterEach, expect, test } from 'vitest';
import type { LayerReport } from '../../contract/runs.ts';
import LayerTable from './LayerTable.svelte';

afterEach(cleanup);

const key: LayerReport = {
  ...{ name: 'blocks.0.attention.key', sharing: 16, aSize: 33, gSize: 32, flavour: 'expand' },
  why: 'key: its summed gradients are zero',
};
const wide: LayerReport = {
  ...{ name: 'blocks.0.mlp.in', sharing: 16.26, aSize: 3073, gSize: 64, flavour: 'reduce' },
  ...{ why: 'as set', groups: 1, aBlocks: 2, gBlocks: 1 },
};
const grouped: LayerReport = {
  ...{ name: 'conv', sharing: 64, aSize: 10, gSize: 1, flavour: 'reduce', why: 'as set', groups: 32 },
};

function cellsOf(name: string): (string | undefined)[] {
  const row = screen.getByText(name).closest('tr')!;
  return within(row)
    .getAllByRole('cell')
    .map((cell) => cell.textContent.trim());
}

const headings = () => screen.getAllByRole('columnheader').map((cell) => cell.textContent.trim());

test('a key says why it expands while the rest reduces', () => {
  render(LayerTable, { layers: [key, wide], curvature: true });
  expect(headings()).toEqual(['Layer', 'Flavour', 'Why', 'R', 'A, G']);
  expect(cellsOf(key.name)).toEqual([
    key.name,
    'expand',
    'key: its summed gradients are zero',
    '16',
    '33, 32',
  ]);
});

test('a side that is cut says into how many blocks, and groups how many pairs there are', () => {
  render(LayerTable, { layers: [wide, grouped], curvature: true });
  expect(cellsOf(wide.name).slice(-2)).toEqual(['16.3', '3073 in 2 blocks, 64']);
  expect(cellsOf(grouped.name).at(-1)).toBe('10, 1 × 32');
});

test('without curvature there is no flavour and no reason', () => {
  render(LayerTable, { layers: [key], curvature: false });
  expect(headings()).toEqual(['Layer', 'R', 'A, G']);
});

test('a run from before reasons were kept has no column for them', () => {
  const { why: _why, ...before } = key;
  render(LayerTable, { layers: [before], curvature: true });
  expect(headings()).toEqual(['Layer', 'Flavour', 'R', 'A, G']);
});
