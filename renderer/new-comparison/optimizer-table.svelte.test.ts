// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, expect, test } from 'vitest';
import { presets } from '../../contract/presets.ts';
import OptimizerTable from './OptimizerTable.svelte';
import { draftFromPreset, newColumn, type ColumnDraft } from './draft.ts';
import { readDraft } from './read-draft.ts';

afterEach(cleanup);

function show(columns: ColumnDraft[], all = false) {
  const preset = presets['first-light'];
  if (!preset) throw new Error('the preset of the default comparison is gone');
  const draft = $state({ ...draftFromPreset(preset), columns });
  const { errors } = readDraft(draft);
  return render(OptimizerTable, { draft, errors, encodings: new Map(), all });
}

function kfac(values: Record<string, string> = {}): ColumnDraft {
  return { ...newColumn('kfac', values), name: 'Mine' };
}

const field = (label: string) => screen.queryByLabelText(`Mine: ${label}`);

test('few settings are in sight at first, all of them under headings when asked for', async () => {
  const { rerender } = show([kfac()]);
  expect(field('Damping')).not.toBeNull();
  expect(field('Damping rule')).toBeNull();
  expect(screen.queryByText('Schedule of curvature')).toBeNull();
  await rerender({ all: true });
  expect(field('Damping rule')).not.toBeNull();
  expect(screen.getByText('Schedule of curvature')).toBeTruthy();
});

test('what is wrong or not as it was is never hidden', () => {
  show([kfac({ dampingRule: 'pi', maxFactorSide: '8' })]);
  expect(field('Damping rule')).not.toBeNull();
  expect(field('Longest side')?.getAttribute('aria-invalid')).toBe('true');
  expect(screen.getByText('Longest side must be at least 16.')).toBeTruthy();
  expect(field('Factors every')).toBeNull();
});

test('a setting says what it does when it has the focus or the pointer, the pointer first', async () => {
  show([kfac()]);
  expect(screen.getByText(/^Point at a setting/)).toBeTruthy();
  const explained = () => document.querySelector('p.about')?.textContent.replace(/\s+/g, ' ').trim() ?? '';
  await fireEvent.focusIn(field('Damping') as HTMLElement);
  expect(explained()).toMatch(/^Damping Added to the curvature .* Default: 0.01\.$/);
  await fireEvent.pointerOver(screen.getByText('Weight decay'));
  expect(explained()).toMatch(/^Weight decay /);
  await fireEvent.pointerLeave(screen.getByRole('table'));
  expect(explained()).toMatch(/^Damping /);
  await fireEvent.focusOut(field('Damping') as HTMLElement);
  expect(explained()).toMatch(/^Point at a setting/);
});

test('controls carry their explanation, and what is wrong in front of it', () => {
  show([kfac({ lr: '11' })]);
  const described = (label: string) =>
    (field(label)?.getAttribute('aria-describedby') ?? '')
      .split(' ')
      .map((id) => document.getElementById(id)?.textContent.trim() ?? `no ${id}`)
      .join(' | ');
  expect(described('Learning rate')).toMatch(/^Learning rate must be at most 10\. \| Size of a step/);
  expect(described('Fisher')).toMatch(/^Gradients that G is made of/);
});
