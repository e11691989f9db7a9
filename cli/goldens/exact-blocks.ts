/**
 * The exact blocks of the generalised Gauss-Newton matrix, where a file has them: from derivatives that the engine's autodiff
 * makes on the GPU and the Hessian of every loss term at the engine's own outputs. The last products are taken on the host.
 */
import type { NetFixture } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { sumOfOuterProducts } from '../exactness/blocks.ts';
import { compare, type Comparison } from './comparison.ts';
import { mostRows } from './curvature-checks.ts';
import { submit, type NetProgram } from './net-program.ts';
import { directTolerance } from './tolerances.ts';

export async function compareExactBlocks(
  scope: GpuContext,
  { jacobian, program, net, builder, regionOf }: NetProgram,
  { exact_ggn, loss_type, C, M }: NetFixture,
): Promise<Comparison[]> {
  if (!jacobian || !exact_ggn) return [];
  const outputs = await readFloats(scope, regionOf(net.output));
  const rows = await jacobian.read((due) => submit(scope, program, due));
  const roots = Array.from({ length: M }, (_, m) =>
    loss_type === 'ce' ? softmaxRoot(outputs.subarray(m * C, m * C + C)) : squaredErrorRoot(C),
  );
  return builder.layers.map((layer) => {
    const turned = roots.flatMap((root, m) =>
      root.map((column) => {
        const parts = column.map((weight, k) => ({ weight, row: rows[m * C + k]?.get(layer.name) }));
        return (parts[0]?.row ?? new Float64Array()).map((_, i) =>
          parts.reduce((sum, { weight, row }) => sum + weight * (row?.[i] ?? Number.NaN), 0),
        );
      }),
    );
    const tolerance = directTolerance(mostRows([layer]));
    const expected = exact_ggn[layer.name]?.data ?? [];
    return compare(`exact_ggn.${layer.name}`, sumOfOuterProducts(turned, 1 / M).data, expected, tolerance);
  });
}

/** Columns of S, S S^T = diag(p) - p p^T: sqrt(p_c) (e_c - p). */
function softmaxRoot(logits: Float32Array): number[][] {
  const most = Math.max(...logits);
  const exponentials = Array.from(logits, (z) => Math.exp(z - most));
  const total = exponentials.reduce((sum, e) => sum + e, 0);
  const p = exponentials.map((e) => e / total);
  return p.map((pc, c) => p.map((pk, k) => Math.sqrt(pc) * ((k === c ? 1 : 0) - pk)));
}

/** The Hessian of a mean over C squares is (2/C) I. */
function squaredErrorRoot(C: number): number[][] {
  const root = Math.sqrt(2 / C);
  return Array.from({ length: C }, (_, c) => Array.from({ length: C }, (__, k) => (k === c ? root : 0)));
}
