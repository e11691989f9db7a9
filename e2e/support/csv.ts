/** Reading exported CSV as a stranger would: with a parser that is not the one it was written by. */
import { readFile } from 'node:fs/promises';
import { expect, type Download } from '@playwright/test';
import Papa from 'papaparse';

export type Row = Record<string, string>;

export interface Csv {
  columns: string[];
  rows: Row[];
}

/** Header and rows. Fails the test on anything the parser finds wrong. */
export function parseCsv(text: string): Csv {
  const { data, errors, meta } = Papa.parse<Row>(text, { header: true, skipEmptyLines: true });
  expect(errors, 'the parser finds nothing wrong').toEqual([]);
  return { columns: meta.fields ?? [], rows: data };
}

/** The text of each download by its suggested file name. */
export async function readDownloads(downloads: readonly Download[]): Promise<Map<string, string>> {
  const entries = downloads.map(
    async (download) =>
      [download.suggestedFilename(), await readFile(await download.path(), 'utf8')] as const,
  );
  return new Map(await Promise.all(entries));
}
