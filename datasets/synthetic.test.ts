/** What is known of the data because it was made so, found again from the data alone. */
import { describe, expect, it } from 'vitest';
import {
  linearShape,
  makeLinearMap,
  makeSpirals,
  makeTeacher,
  spiralShape,
  teacherShape,
} from './synthetic.ts';
import { tensorOf, type TensorDataset } from './tensor-dataset.ts';

const rowsOf = (dataset: TensorDataset, name: string): number[][] => {
  const { shape, data } = tensorOf(dataset, name);
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, i) => Array.from(data.subarray(i * width, (i + 1) * width)));
};

/** Coefficients of least squares of y on columns, by the normal equations and elimination with pivots. */
function leastSquares(columns: readonly number[][], y: readonly number[]): number[] {
  const width = columns[0]!.length;
  const system = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (__, j) => columns.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    columns.reduce((sum, row, n) => sum + row[i]! * y[n]!, 0),
  ]);
  for (let pivot = 0; pivot < width; pivot += 1) {
    for (const [i, row] of system.entries()) {
      if (i === pivot) continue;
      const factor = row[pivot]! / system[pivot]![pivot]!;
      system[pivot]!.forEach((value, j) => (row[j]! -= factor * value));
    }
  }
  return system.map((row, i) => row[width]! / row[i]!);
}

describe.each([
  ['spirals', makeSpirals],
  ['teacher', makeTeacher],
  ['linear map', makeLinearMap],
])('%s', (_, make) => {
  it('is the same for the same seed and another for another', () => {
    expect(make(3)).toEqual(make(3));
    expect(tensorOf(make(4), 'inputs').data).not.toEqual(tensorOf(make(3), 'inputs').data);
  });
});

it('points lie on the spiral of their arm but for the noise', () => {
  const dataset = makeSpirals(1);
  const labels = tensorOf(dataset, 'labels').data;
  const { arms, turns, noise } = spiralShape;
  const across = rowsOf(dataset, 'inputs').map(([x, y], i) => {
    const radius = Math.hypot(x!, y!);
    const arm = labels[i]! / arms + (turns * (radius - 0.1)) / 0.9;
    const turn = Math.atan2(y!, x!) / (2 * Math.PI) - arm;
    return 2 * Math.PI * radius * (turn - Math.round(turn));
  });
  const deviation = Math.sqrt(across.reduce((sum, d) => sum + d * d, 0) / across.length);
  // Noise along the radius turns into noise across it where the arm is steep; the arms are 2 pi r / 3 apart.
  expect(deviation).toBeGreaterThan(noise);
  expect(deviation).toBeLessThan(6 * noise);
});

it('a linear model leaves of the teacher what tanh makes of it, far above the noise', () => {
  const dataset = makeTeacher(1);
  const inputs = rowsOf(dataset, 'inputs').map((row) => [...row, 1]);
  const y = rowsOf(dataset, 'targets').map(([value]) => value!);
  const weights = leastSquares(inputs, y);
  const left = inputs.map((row, n) => y[n]! - row.reduce((sum, x, i) => sum + x * weights[i]!, 0));
  const rms = (values: number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  expect(rms(left)).toBeGreaterThan(5 * teacherShape.noise);
  expect(rms(left)).toBeLessThan(0.7 * rms(y.map((value) => value - mean)));
});

it('the linear map has the singular values it was made with', () => {
  const dataset = makeLinearMap(1);
  const inputs = rowsOf(dataset, 'inputs');
  const targets = rowsOf(dataset, 'targets');
  const map = linearShape.singularValues.map((_, k) =>
    leastSquares(
      inputs,
      targets.map((row) => row[k]!),
    ),
  );
  // Invariants of M M^T: its trace and its determinant are sum and product of the squares.
  const gram = map.map((a) => map.map((b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)));
  const squares = linearShape.singularValues.map((s) => s * s);
  const trace = gram.reduce((sum, row, i) => sum + row[i]!, 0);
  expect(trace).toBeCloseTo(
    squares.reduce((a, b) => a + b),
    1,
  );
  expect(determinant(gram) / squares.reduce((a, b) => a * b)).toBeCloseTo(1, 0);
  // Mixed: every target has a share of the largest, which standardising does not undo.
  for (const [i, row] of gram.entries()) expect(row[i]).toBeGreaterThan(0.01);
});

function determinant(matrix: number[][]): number {
  const rows = matrix.map((row) => [...row]);
  return rows.reduce((product, row, pivot) => {
    for (const below of rows.slice(pivot + 1)) {
      const factor = below[pivot]! / row[pivot]!;
      row.forEach((value, j) => (below[j]! -= factor * value));
    }
    return product * row[pivot]!;
  }, 1);
}
