/**
 * IKFAC and SINGD in float64, written from their published rules and not from the engine. One update of a pair of
 * roots is a function of its own; a whole run differs from K-FAC's reference only in where its inverses come from.
 */
import type { InverseFreeSpec } from '../../../contract/run-spec.ts';
import {
  entry,
  GraftedReference,
  matrix,
  meanEigenvalue,
  product,
  type LayerState,
  type Matrix,
} from '../test-reference.ts';

export interface Root {
  root: Matrix;
  velocity: Matrix;
}

export const identityRoot = (size: number): Root => ({
  root: matrix(size, size, (i, j) => (i === j ? 1 : 0)),
  velocity: matrix(size, size, () => 0),
});

export const transposed = (m: Matrix): Matrix => matrix(m.columns, m.rows, (i, j) => entry(m, j, i));

/** New roots of a layer from its factors, in the order A, G. */
export function updateRoots(
  spec: InverseFreeSpec,
  factors: [Matrix, Matrix],
  roots: [Root, Root],
): [Root, Root] {
  const projected = roots.map(({ root }, s) =>
    product(product(transposed(root), factors[s] as Matrix), root),
  );
  const squares = roots.map(({ root }) => product(transposed(root), root));
  const means = factors.map(meanEigenvalue);
  const update = (own: 0 | 1): Root => {
    const other = own === 0 ? 1 : 0;
    const isSingd = spec.name === 'singd';
    const mean = isSingd ? (means[0] ?? NaN) * (means[1] ?? NaN) : (means[own] ?? NaN);
    const relative = isSingd ? spec.damping * mean : Math.sqrt(spec.damping) * mean;
    const damping = spec.dampingRule === 'relative' ? relative : spec.damping;
    const onFactor = isSingd ? meanEigenvalue(projected[other] as Matrix) : 1;
    const onSquare = damping * (isSingd ? meanEigenvalue(squares[other] as Matrix) : 1);
    const momentum = isSingd ? spec.curvatureMomentum : 0;
    const share = spec.curvatureClip === 'on' ? 1 - momentum : 1;
    const { root, velocity } = roots[own];
    const next = matrix(root.rows, root.rows, (i, j) => {
      const change =
        onFactor * entry(projected[own] as Matrix, i, j) +
        onSquare * entry(squares[own] as Matrix, i, j) -
        (i === j ? 1 : 0);
      return momentum * entry(velocity, i, j) + 0.5 * share * change;
    });
    const rate =
      spec.curvatureClip === 'on' ? spec.curvatureLr / Math.max(1, largestRowSum(next)) : spec.curvatureLr;
    const moved = product(root, next);
    return {
      root: matrix(root.rows, root.rows, (i, j) => entry(root, i, j) - rate * entry(moved, i, j)),
      velocity: next,
    };
  };
  return [update(0), update(1)];
}

function largestRowSum(m: Matrix): number {
  const sums = Array.from({ length: m.rows }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < m.columns; j++) sum += Math.abs(entry(m, i, j));
    return sum;
  });
  return Math.max(...sums);
}

/** A run of the grafted recipe with roots in the place of inverses. */
export class InverseFreeReference extends GraftedReference<InverseFreeSpec> {
  private readonly roots = new Map<LayerState, [Root, Root]>();

  protected override updateInverses(): void {
    for (const layer of this.layers) {
      const factors = layer.factors as [Matrix, Matrix];
      const old = this.roots.get(layer) ?? [identityRoot(factors[0].rows), identityRoot(factors[1].rows)];
      const roots = updateRoots(this.spec, factors, old);
      this.roots.set(layer, roots);
      layer.inverses = [squareOf(roots[0]), squareOf(roots[1])];
    }
  }
}

/** K K^T */
export const squareOf = ({ root }: Root): Matrix => product(root, transposed(root));
