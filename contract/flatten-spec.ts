/**
 * A run's settings as flat `name -> value` pairs (`optimizer.lr`, `model.hidden`), for the store's parameter table, for
 * columns of the run list and for `param.*` columns of exported files.
 */
import type { RunSpec } from './run-spec.ts';

export type ParamValue = number | string | boolean;

/** Pairs in the order of the spec. Lists become text, `64 32`, and of their entries' settings `head:expand`; empty ones are left out. */
export function flattenSpec(spec: RunSpec): [name: string, value: ParamValue][] {
  return flatten('', spec);
}

function flatten(prefix: string, value: unknown): [string, ParamValue][] {
  if (Array.isArray(value)) return value.length > 0 ? [[prefix, value.map(entryText).join(' ')]] : [];
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => flatten(prefix ? `${prefix}.${key}` : key, inner));
  }
  const isParam = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
  return isParam ? [[prefix, value]] : [];
}

function entryText(entry: unknown): string {
  return typeof entry === 'object' && entry !== null ? Object.values(entry).join(':') : String(entry);
}
