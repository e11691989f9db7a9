/** What is said of a field beside its label: what it does, and what it is when nobody touches it. */
import type { ColumnDraft } from './draft.ts';
import { optimizerNames } from './fields.ts';
import { optionsOf, type FieldDefinition } from './optimizer-fields.ts';
import { defaultText } from './setting-texts.ts';

/** `Default: 0.01.`, by optimiser where they differ: `Default: 0.9 (K-FAC), 0.95 (SOAP).`; empty where there is none. */
export function defaultNote(field: FieldDefinition, columns: readonly ColumnDraft[]): string {
  const shown = new Map<string, Set<string>>();
  for (const column of columns.filter(field.uses)) {
    const text = defaultText(column.optimizer, field.key);
    if (text === null) continue;
    const option = optionsOf(field, column)?.find(({ value }) => value === text);
    const words = text === '' ? nothing(field) : (option?.label ?? text);
    shown.set(words, (shown.get(words) ?? new Set()).add(optimizerNames[column.optimizer]));
  }
  if (shown.size === 0) return '';
  if (shown.size === 1) return `Default: ${[...shown.keys()].join('')}.`;
  const entries = [...shown].map(([words, names]) => `${words} (${[...names].join(', ')})`);
  return `Default: ${entries.join(', ')}.`;
}

function nothing({ options, isLines }: FieldDefinition): string {
  if (options) return 'as the recipe has it';
  return isLines ? 'none' : 'off';
}

/** Whether somebody has set a column's field to something else than it starts with. */
export function isChanged({ key, uses }: FieldDefinition, column: ColumnDraft): boolean {
  const text = defaultText(column.optimizer, key);
  return uses(column) && text !== null && (column.values[key] ?? '').trim() !== text;
}
