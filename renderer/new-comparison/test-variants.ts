/** Columns that differ in every choice which other fields depend on. */
import { newColumn, type ColumnDraft } from './draft.ts';
import type { OptimizerName } from './setting-texts.ts';

export function variants(optimizer: OptimizerName): ColumnDraft[] {
  const choices = {
    flavour: ['expand', 'reduce'],
    preconditioner: ['kronecker', 'ekfac'],
    dampingRule: ['relative', 'plain'],
    dampingScale: ['absolute', 'loss'],
    dampingAdaptation: ['none', 'levenberg-marquardt'],
    recipe: ['grafted', 'classic'],
    fisher: ['mc', 'type2'],
  };
  let columns: Record<string, string>[] = [{}];
  for (const [key, values] of Object.entries(choices)) {
    columns = columns.flatMap((own) => values.map((value) => ({ ...own, [key]: value })));
  }
  return columns.map((own) => newColumn(optimizer, own));
}
