/** Laplace's evidence of whole nets on the GPU against the float64 values of `goldens/evidence`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { phases } from '../../contract/runs.ts';
import { goldensDirectory, loadFixture } from '../../goldens/node.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { addFactors, createFactors } from '../../training/curvature/factors.ts';
import { bothSides } from '../../training/curvature/flavour.ts';
import { evidence, type LaplaceFit } from '../../training/curvature/laplace/evidence.ts';
import { laplaceLayers } from '../../training/curvature/laplace/spectra.ts';
import { compile } from '../../training/program/compile.ts';
import { tellFamily } from './net-family.ts';
import { buildLossProgram, flavours, submit } from './net-program.ts';

const layerSchema = z.object({ delta: z.number(), logdet: z.number(), P: z.number(), theta_sq: z.number() });
const byLayer = z.record(z.string(), z.number());
const schema = z.object({
  cases: z.array(
    z.object({
      net: z.string(),
      flavour: z.enum(flavours),
      layers: z.record(z.string(), layerSchema),
      log_evidence: z.number(),
      gradient_log_delta: byLayer,
      mackay: byLayer,
    }),
  ),
});
const file = await readFile(join(goldensDirectory, 'evidence/evidence.json'), 'utf8');
const { cases } = schema.parse(JSON.parse(file));

/** The fit of a fixture's net by type-2 factors of all its examples. */
async function fitOf(name: string): Promise<Record<(typeof flavours)[number], LaplaceFit>> {
  const fixture = await loadFixture(join(goldensDirectory, `${name}.json`));
  if (fixture.kind !== 'net') throw new Error(`${name} is a net`);
  const family = tellFamily(fixture);
  if (family.kind === 'unsupported') throw new Error(family.reason);
  const scope = openScope(await testGpu());
  const { graph, builder, loss, step } = buildLossProgram(scope, fixture, family);
  const set = (flavour: (typeof flavours)[number]) => {
    const made = createFactors(scope, builder.layers, () => bothSides(flavour));
    const column = uploadTable(scope, 'column', new Uint32Array(4));
    addFactors(made, { graph, loss, step, outputGradients: new Map(), column, fisher: 'type2' });
    return made;
  };
  const sets = { expand: set('expand'), reduce: set('reduce') };
  const program = await compile(scope, graph, name);
  step.write({ index: 1, seed: 0, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
  submit(scope, program, new Set(phases));
  const fit = async (flavour: (typeof flavours)[number]) => ({
    terms: fixture.M,
    meanLoss: fixture.loss,
    layers: await laplaceLayers(scope, sets[flavour]),
  });
  const fits = { expand: await fit('expand'), reduce: await fit('reduce') };
  releaseScope(scope);
  return fits;
}

/** Of the quantity's own size, or of a tenth of the layer's number of weights where it is smaller than that. */
function expectNear(got: number, expected: number, count: number): void {
  expect(Math.abs(got - expected)).toBeLessThan(2e-5 * Math.max(Math.abs(expected), count / 10));
}

describe('acceptance 15: evidence of the golden nets', () => {
  it.each([...new Set(cases.map((one) => one.net))])(
    '%s',
    async (net) => {
      const fits = await fitOf(net);
      for (const expected of cases.filter((one) => one.net === net)) {
        const fit = fits[expected.flavour];
        const own = fit.layers.map(({ name }) => expected.layers[name]);
        expect(Object.keys(expected.layers).sort()).toEqual(fit.layers.map(({ name }) => name).sort());
        const got = evidence(
          fit,
          { kind: 'categorical' },
          own.map((layer) => layer?.delta ?? NaN),
        );
        const total = own.reduce((sum, layer) => sum + (layer?.P ?? NaN), 0);
        expectNear(got.logMarginal, expected.log_evidence, total);
        fit.layers.forEach(({ name, squaredNorm }, i) => {
          const { logdet, P, theta_sq } = own[i] ?? { logdet: NaN, P: NaN, theta_sq: NaN };
          expectNear(squaredNorm, theta_sq, 0);
          expectNear(got.logDeterminants[i] ?? NaN, logdet, P);
          expectNear(got.byLogPrecision[i] ?? NaN, expected.gradient_log_delta[name] ?? NaN, P);
          expectNear((got.effectiveParameters[i] ?? NaN) / squaredNorm, expected.mackay[name] ?? NaN, 1);
        });
      }
    },
    300_000,
  );
});
