/** What `kronlab exactness` prints: errors of both flavours side by side, and whether they are what the paper says. */
import { textTable } from '../text-table.ts';
import type { ExactnessRow } from './measure.ts';

/** In f32 an exact block comes out at about 1e-7; an approximation is off by tens of per cent. Nothing lies between. */
export const exactBelow = 1e-5;
export const approximateAbove = 0.1;

/** Whether a row is what the propositions say. False where there is no number. */
export function isAsExpected({ relativeError, expected }: ExactnessRow): boolean {
  return expected === 'exact' ? relativeError < exactBelow : relativeError > approximateAbove;
}

export function describeExactness(adapter: string, rows: readonly ExactnessRow[]): string[] {
  const pairs = rows.filter(({ flavour }) => flavour === 'expand');
  const partner = (row: ExactnessRow) =>
    rows.filter(({ flavour }) => flavour === 'reduce')[pairs.indexOf(row)] as ExactnessRow;
  const cells = pairs.map((row) => [
    row.net,
    row.setting,
    row.pooling,
    row.layer,
    ...[row, partner(row)].flatMap((each) => [
      each.relativeError.toExponential(1),
      each.expected + (isAsExpected(each) ? '' : '  <- NOT SO'),
    ]),
  ]);
  const failed = rows.filter((row) => !isAsExpected(row)).length;
  return [
    `adapter: ${adapter}`,
    'Relative error of G (x) A against the exact block of the generalised Gauss-Newton matrix, both made on this adapter.',
    'The paper: expand is exact where every position has a loss term of its own (proposition 1), reduce where positions are',
    'averaged or summed before the loss (proposition 2), for linear nets; elsewhere both are approximations.',
    '',
    ...textTable(
      [
        ...['net', 'setting', 'pooling', 'layer'].map((head) => ({ head, align: 'left' as const })),
        { head: 'expand', align: 'right' },
        { head: 'says', align: 'left' },
        { head: 'reduce', align: 'right' },
        { head: 'says', align: 'left' },
      ],
      cells,
    ),
    '',
    `${rows.length - failed} of ${rows.length} blocks are what the paper says: below ${exactBelow} where exact, above ${approximateAbove} elsewhere.`,
  ];
}
