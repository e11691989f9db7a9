/** What the evidence of a net is computed from, out of the factors and weights that lie on the GPU. */
import { KronlabError } from '../../../contract/errors.ts';
import { openScope, releaseScope, type GpuContext } from '../../../gpu-kernels/device.ts';
import { record, replay } from '../../../gpu-kernels/dispatch.ts';
import { eigenStatus, symmetricEigen } from '../../../gpu-kernels/eigen/symmetric-eigen.ts';
import { readRegions } from '../../../gpu-kernels/readback.ts';
import { placeInNewBuffer, Region } from '../../../gpu-kernels/region.ts';
import type { Factor, FactorSet } from '../factors.ts';
import type { LaplaceLayer } from './evidence.ts';

/** Numbers of matrices that are decomposed in one batch. */
const batchWords = 2 ** 22;

/**
 * The layers of a net with the spectra of their averaged factors. The averages must be those of the whole training set at
 * the trained weights: every batch with its share, none older than the weights. Throws where a factor is not finite.
 */
export async function laplaceLayers(gpu: GpuContext, set: FactorSet): Promise<LaplaceLayer[]> {
  const spectra = await factorSpectra(gpu, set.factors);
  const spectrum = (factor: Factor) => spectra.get(factor) ?? new Float64Array();
  const layers = set.outputs.map(({ layer }) => layer);
  const tensors = layers.map(({ weight, bias }) => [weight, ...(bias ? [bias] : [])]);
  const contents = await readRegions(
    gpu,
    tensors.flatMap((own) => own.map(({ region }) => region)),
  );
  const squares = contents.map((bytes) => new Float32Array(bytes).reduce((sum, x) => sum + x * x, 0));
  return layers.map((layer, i) => ({
    name: layer.name,
    blocks: set.layers
      .filter((block) => block.layer.whole === layer)
      .map(({ a, g }) => ({ a: spectrum(a), g: spectrum(g) })),
    squaredNorm: (tensors[i] ?? []).reduce((sum) => sum + (squares.shift() ?? NaN), 0),
  }));
}

/** Eigenvalues of the averages, as many as each factor's side, in no order; noise below 0 is cut. */
export async function factorSpectra(
  gpu: GpuContext,
  factors: readonly Factor[],
): Promise<Map<Factor, Float64Array>> {
  const spectra = new Map<Factor, Float64Array>();
  for (const batch of batchesOf(factors)) {
    const scope = openScope(gpu);
    try {
      const { values, status } = await decompose(scope, batch);
      batch.forEach((factor, i) => {
        if (status[i] !== eigenStatus.converged) {
          throw new KronlabError(
            'invalid',
            `${factor.name} has no eigenvalues: it must hold finite numbers, the average of batches at the trained weights`,
          );
        }
        const own = values.subarray(i * factor.padded, i * factor.padded + factor.size);
        spectra.set(
          factor,
          Float64Array.from(own, (value) => Math.max(0, value)),
        );
      });
    } finally {
      releaseScope(scope);
    }
  }
  return spectra;
}

/** Factors of one padded side each. */
function batchesOf(factors: readonly Factor[]): Factor[][] {
  const bySide = Map.groupBy(factors, (factor) => factor.padded);
  return [...bySide].flatMap(([side, group]) => {
    const most = Math.max(1, Math.floor(batchWords / side ** 2));
    return Array.from({ length: Math.ceil(group.length / most) }, (_, k) =>
      group.slice(k * most, (k + 1) * most),
    );
  });
}

async function decompose(
  scope: GpuContext,
  factors: readonly Factor[],
): Promise<{ values: Float32Array; status: Uint32Array }> {
  const [n, batch] = [factors[0]?.padded ?? 0, factors.length];
  const region = (label: string, words: number) => {
    const made = new Region(label, words * 4);
    placeInNewBuffer(scope, label, [made]);
    return made;
  };
  const matrices = region('factors to decompose', batch * n * n);
  const vectors = region('eigenvectors', batch * n * n);
  const values = region('eigenvalues', batch * n);
  const status = region('decomposition status', batch);
  const launches = await record(
    scope,
    symmetricEigen(scope, {
      ...{ label: 'spectra', n, batch, matrices, vectors, values, status },
      scratch: region,
    }),
  );
  const encoder = scope.device.createCommandEncoder();
  factors.forEach(({ average }, i) => {
    const at = matrices.offset + i * n * n * 4;
    encoder.copyBufferToBuffer(average.buffer, average.offset, matrices.buffer, at, n * n * 4);
  });
  const pass = encoder.beginComputePass();
  replay(pass, launches);
  pass.end();
  scope.device.queue.submit([encoder.finish()]);
  const [v, s] = await readRegions(scope, [values, status]);
  return {
    values: new Float32Array(v ?? new ArrayBuffer(0)),
    status: new Uint32Array(s ?? new ArrayBuffer(0)),
  };
}
