/**
 * Handwritten digits, the data set that ships with the lab: small enough to train on in seconds without a GPU. This
 * file knows its CSV format and refuses anything else, since a silently misread pixel looks like a bad optimiser.
 */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry } from './dataset.ts';
import { indexTensor, nothingSkipped, valueTensor, type TensorDataset } from './tensor-dataset.ts';

const side = 8;
const pixels = side * side;
const largestPixel = 16;
const classes = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const file = 'digits/digits.csv.gz';

export const digits: DatasetEntry = {
  id: 'digits',
  name: 'Handwritten digits',
  kind: 'images',
  task: 'classification',
  example: [1, side, side],
  outputs: 10,
  files: [file],
  examples: 1797,
  classes,
  targets: ['digit'],
  bytes: 1797 * (pixels + 4),
  splits: [],
  licence: 'BSD 3-Clause, as part of scikit-learn',
  source:
    'E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (test part), ' +
    'UCI Machine Learning Repository, 1998',
  read: ([csv]) => parseDigits(new TextDecoder().decode(csv), file),
};

/**
 * Reads lines of 64 pixels (whole numbers 0 to 16, row by row) and a label (0 to 9), separated by commas, without a
 * header. Throws `KronlabError` (`invalid`) naming the file, line and column of the first thing that is wrong.
 *
 * @returns images `[N, 1, 8, 8]` with the values of the file, labels `[N]`
 */
export function parseDigits(csv: string, file = 'digits.csv'): TensorDataset {
  const lines = csv.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) {
    throw new KronlabError(
      'invalid',
      `${file}: holds no examples; expected one a line, 64 pixels and a label`,
    );
  }
  const images = new Uint8Array(lines.length * pixels);
  const labels = new Uint32Array(lines.length);
  for (const [index, line] of lines.entries()) {
    const row = parseLine(line, `${file}, line ${index + 1}`);
    images.set(row.subarray(0, pixels), index * pixels);
    labels[index] = row[pixels] ?? 0;
  }
  const examples = lines.length;
  return {
    name: digits.name,
    kind: 'images',
    task: 'classification',
    examples,
    tensors: {
      inputs: valueTensor([examples, 1, side, side], images),
      labels: indexTensor([examples], labels),
    },
    classes: [...classes],
    columns: [],
    edgeColumns: [],
    targets: ['digit'],
    splits: [],
    skipped: nothingSkipped,
  };
}

/** The 64 pixels and the label of one line. */
function parseLine(line: string, where: string): Uint8Array {
  const cells = line.split(',');
  if (cells.length !== pixels + 1) {
    const found = line === '' ? 'is empty' : `ends at column ${cells.length}`;
    throw new KronlabError(
      'invalid',
      `${where}: ${found}; expected ${pixels + 1} columns, 64 pixels and a label`,
    );
  }
  return Uint8Array.from(cells, (cell, column) => {
    const [what, largest] = column < pixels ? ['a pixel', largestPixel] : ['the label', classes.length - 1];
    const value = /^\d+$/.test(cell) ? Number(cell) : NaN;
    if (value <= largest) return value;
    const fault = Number.isNaN(value) ? 'is not a whole number' : 'is out of range';
    throw new KronlabError(
      'invalid',
      `${where}, column ${column + 1}: "${cell}" ${fault}; expected ${what}, a whole number from 0 to ${largest}`,
    );
  });
}
