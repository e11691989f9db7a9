/**
 * The filter line of the Runs page: words that must all be found, and `field:value` where only one field is meant.
 * Typing and the chips below the line edit this one text.
 */
import { describeOptimizer } from '../../contract/describe-optimizer.ts';
import type { RunSummary } from '../../contract/runs.ts';
import { modelName } from '../format/text.ts';
import { shownStatus } from './startable.ts';

export const filterFields = ['name', 'status', 'optimizer', 'dataset', 'model', 'comparison'] as const;
export type FilterField = (typeof filterFields)[number];

export interface FilterTerm {
  /** As written, quotes included: taking a chip away removes exactly this. */
  text: string;
  /** Null: any field. */
  field: FilterField | null;
  value: string;
}

export type FilterResult = { terms: FilterTerm[] } | { error: string; at: string };

/** Reads the line; an unknown field or an open quote is an error that names its place and what would be right. */
export function parseFilter(text: string): FilterResult {
  const terms: FilterTerm[] = [];
  for (const [part] of text.matchAll(/(?:[^\s"]|"[^"]*"?)+/g)) {
    if ((part.split('"').length - 1) % 2 === 1) {
      return { error: 'A quote is opened here and never closed.', at: part };
    }
    const colon = part.startsWith('"') ? -1 : part.indexOf(':');
    const field = colon < 0 ? null : part.slice(0, colon).toLowerCase();
    const value = part
      .slice(colon + 1)
      .replaceAll('"', '')
      .toLowerCase();
    if (field !== null && !isField(field)) {
      return { error: `${field} is not a field. Use ${filterFields.join(', ')}, or a word alone.`, at: part };
    }
    if (value !== '') terms.push({ text: part, field, value });
  }
  return { terms };
}

/** `nameOf` gives the name of a data set by its id. */
export function matchesFilter(
  run: RunSummary,
  terms: readonly FilterTerm[],
  nameOf: (dataset: string) => string,
): boolean {
  const texts = searchTexts(run, nameOf);
  return terms.every(({ field, value }) =>
    field === null ? Object.values(texts).some((text) => text.includes(value)) : texts[field].includes(value),
  );
}

/** The text without one of its terms, as when a chip is closed. */
export function withoutTerm(text: string, term: FilterTerm): string {
  return text.replace(term.text, '').replace(/\s+/g, ' ').trim();
}

function searchTexts(run: RunSummary, nameOf: (dataset: string) => string): Record<FilterField, string> {
  const { spec } = run;
  return {
    name: `${run.name} ${run.groupName} seed ${run.seed}`.toLowerCase(),
    status: shownStatus(run),
    optimizer: `${spec.optimizer.name} ${describeOptimizer(spec.optimizer)}`.toLowerCase(),
    dataset: `${spec.dataset.id} ${nameOf(spec.dataset.id)}`.toLowerCase(),
    model: `${spec.model.kind} ${modelName(spec.model)}`.toLowerCase(),
    comparison: (run.comparisonName ?? '').toLowerCase(),
  };
}

function isField(text: string): text is FilterField {
  return (filterFields as readonly string[]).includes(text);
}
