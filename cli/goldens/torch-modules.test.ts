/**
 * Weights that PyTorch wrote, of the modules that `docs/models.md` shows: the lab reads them, computes what PyTorch computed,
 * and writes the same names, shapes and numbers back (`goldens/modules/make_modules.py`).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { modelSpecSchema } from '../../contract/run-spec.ts';
import { phases } from '../../contract/runs.ts';
import { bytesSource, type ByteSource } from '../../datasets/import/byte-source.ts';
import { readSafetensors } from '../../datasets/import/formats/safetensors.ts';
import { defaultLimits } from '../../datasets/import/limits.ts';
import { goldensDirectory } from '../../goldens/node.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { buildModel } from '../../training/models/model.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { encodeWeights, readWeights, writeBuffers } from '../../training/models/weights.ts';
import { compile } from '../../training/program/compile.ts';
import { Graph, size } from '../../training/program/graph.ts';
import { Parameters } from '../../training/program/parameters.ts';
import { expectClose } from '../../training/program/test-program.ts';
import { submit } from './net-program.ts';

const array = z.object({ shape: z.array(z.number().int()), data: z.array(z.number()) });
const schema = z.object({ images: array, outputs: array });
const vit = { kind: 'vit', patch: 4, width: 8, blocks: 2, heads: 2, mlpRatio: 2 };
const wideResNet = { kind: 'wide-resnet', depth: 10, width: 1 };
/** Twenty layers in f32 against float64; measured on SwiftShader: at most 4e-7. */
const tolerance = 5e-6;

it.each([
  ['vit-mean', { ...vit, pool: 'mean' }],
  ['vit-class', { ...vit, pool: 'class' }],
  ['wrn-batch', { ...wideResNet, norm: 'batch' }],
  ['wrn-group', { ...wideResNet, norm: 'group' }],
])('%s: weights and outputs are PyTorch’s, and go back as they came', async (name, settings) => {
  const path = join(goldensDirectory, 'modules', name);
  const { images, outputs } = schema.parse(JSON.parse(await readFile(`${path}.json`, 'utf8')));
  const source = bytesSource(Uint8Array.from(await readFile(`${path}.safetensors`)), `${name}.safetensors`);
  const scope = openScope(await testGpu());
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters, 'evaluation');
  const input = graph.leaf('images', images.shape, uploaded(scope, 'images', images.data));
  const spec = modelSpecSchema.parse(settings);
  const logits = buildModel(builder, spec, { kind: 'images', images: input }, outputs.shape[1] ?? 0);
  const result = emptyRegion(scope, 'outputs', size(logits.shape));
  graph.pin(logits, result);
  parameters.allocate(scope);
  const weights = await readWeights(source, parameters);
  parameters.upload(scope, ({ name: own }) => weights.get(own) ?? new Float32Array());
  writeBuffers(scope, parameters, weights);
  submit(scope, await compile(scope, graph, name), new Set(phases));
  expectClose(await readFloats(scope, result), outputs.data, tolerance, name);

  const written = new Uint8Array(await new Blob(await encodeWeights(scope, parameters)).arrayBuffer());
  releaseScope(scope);
  const own = (await tensorsOf(source)).filter(({ name: key }) => !key.endsWith('.num_batches_tracked'));
  expect(await tensorsOf(bytesSource(written, 'written'))).toEqual(own);
});

/** Names, shapes and values of a file, by name. */
async function tensorsOf(source: ByteSource) {
  const arrays = await readSafetensors(source, { limits: defaultLimits });
  const tensors = arrays.map(({ name, shape, values }) => ({ name, shape, values }));
  return tensors.sort((a, b) => (a.name < b.name ? -1 : 1));
}
