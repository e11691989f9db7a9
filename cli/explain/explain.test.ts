import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelPresets } from '../../contract/model-presets.ts';
import { presets } from '../../contract/presets.ts';
import { formatCount } from '../../training/charts/format.ts';
import { traceOver } from '../../training/models/test-model.ts';
import { createNodeTrainer } from '../gpu.ts';
import { runCli } from '../run-cli.ts';
import type { ExplainedGroup } from './explain-program.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'kronlab-explain-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function explain(...args: string[]) {
  const written = { out: '', err: '' };
  const code = await runCli(['explain', ...args], {
    terminal: {
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      live: false,
      columns: 100,
      onInterrupt: () => () => undefined,
    },
    createTrainer: createNodeTrainer,
    now: Date.now,
  });
  return { code, ...written };
}

const mlp = {
  dataset: { id: 'digits' },
  model: { kind: 'mlp', hidden: [32] },
  optimizer: { name: 'adamw', lr: 0.01 },
  batchSize: 16,
  steps: 10,
  evaluateEvery: 5,
  seed: 0,
  target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
};

async function file(content: unknown): Promise<string> {
  const path = join(folder, 'spec.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe('kronlab explain', () => {
  it.each(Object.keys(presets))(
    'explains every optimiser of the preset %s',
    async (preset) => {
      const { code, out } = await explain(preset, '--json');
      expect(code).toBe(0);
      const groups = JSON.parse(out) as ExplainedGroup[];
      expect(groups.map(({ group }) => group)).toEqual(presets[preset]?.groups.map(({ name }) => name));
      for (const { training, evaluation } of groups) {
        if (!evaluation) throw new Error('a run without an evaluation');
        for (const program of [training, evaluation]) {
          expect(program.flops).toBeGreaterThan(1e6);
          expect(program.plannedBytes).toBeLessThanOrEqual(1.15 * program.largestLiveBytes);
          expect(program.operations).toBeGreaterThan(program.kernels.length);
        }
        expect(training.phases.reduce((sum, phase) => sum + phase.flops, 0)).toBe(training.flops);
      }
      // 95 operations of the AdamW step; fusion must keep them within 90 launches.
      if (preset === 'first-light') expect(groups[0]?.training.dispatches).toBeLessThanOrEqual(90);
    },
    240_000,
  );

  it('reads the settings of one run, and prints every kernel with what it computes', async () => {
    const { code, out } = await explain(await file(mlp));
    expect(code).toBe(0);
    expect(out).toContain('AdamW');
    // 64 x 32 + 32 + 32 x 10 + 10
    expect(out).toContain(`${formatCount(2410)} parameters`);
    expect(out).toMatch(/forward +linear +linear \+ relu/);
    expect(out).toMatch(/backward +input gradient +input gradient \+ relu gradient/);
    expect(out).toMatch(/Intermediate tensors: .* planned, .* alive at most/);
  });

  it('prints the layers with what their factors cost and the flavour each gets', async () => {
    const kfac = { name: 'kfac', lr: 0.01, flavour: 'auto', maxFactorSide: 40 };
    const { out } = await explain(await file({ ...mlp, optimizer: kfac }));
    expect(out).toMatch(
      /layers\.0 +2.080 +32 +1\.00 +65 in 2 +32 .* reduce \(auto: one loss term per example\)/,
    );
    expect(out).toMatch(/head +330 +10 +1\.00 +33 +10 /);
  });

  it('shows what it saves to make activations again', async () => {
    const path = await file({ ...mlp, model: { kind: 'wide-resnet', depth: 10, width: 1 } });
    const explained = async (...more: string[]) => {
      const { out } = await explain(path, '--json', ...more);
      const [group] = JSON.parse(out) as ExplainedGroup[];
      return group!.training;
    };
    const [kept, again] = [await explained(), await explained('--recompute')];
    expect(again.plannedBytes).toBeLessThan(kept.plannedBytes);
    expect(again.operations).toBeGreaterThan(kept.operations);
  });

  it.each(modelPresets.filter(({ id }) => id.endsWith('small') || id === 'wrn-10-1').map(({ id }) => id))(
    'explains the model %s over made-up data and trains it',
    async (id) => {
      const { code, out, err } = await explain(id, '--json', '--batch', '8', '--steps', '3');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const groups = JSON.parse(out) as ExplainedGroup[];
      expect(groups.map(({ group }) => group)).toEqual([
        `${id}, AdamW`,
        `${id}, K-FAC expand`,
        `${id}, K-FAC reduce`,
      ]);
      for (const { group, steps, layers, warnings } of groups) {
        expect(warnings).toEqual([]);
        expect(layers.length).toBeGreaterThan(2);
        const [first, , last] = steps;
        expect(last!.loss, group).toBeLessThan(first!.loss);
      }
    },
  );

  it.each(['wrn-16-4', 'graph-network-5x256', 'deep-linear-large'])(
    'compiles the large model %s, a batch of one',
    async (id) => {
      const { code, out, err } = await explain(id, '--json', '--batch', '1');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const groups = JSON.parse(out) as ExplainedGroup[];
      expect(groups).toHaveLength(3);
      for (const { training, warnings } of groups) {
        expect(warnings).toEqual([]);
        expect(training.plannedBytes).toBeLessThanOrEqual(1.15 * training.largestLiveBytes);
      }
    },
    240_000,
  );

  it.each(modelPresets.map((preset) => [preset.id, preset] as const))(
    'has sizes of the model %s that its data fit',
    (_, { model, input, outputs }) => {
      const { builder, parameters } = traceOver(model, input, outputs);
      expect(builder.layers.length).toBeGreaterThan(2);
      expect(parameters.count).toBeGreaterThan(1000);
    },
  );

  it('refuses steps of what is no model', async () => {
    const { code, err } = await explain('first-light', '--steps', '3');
    expect(code).toBe(2);
    expect(err).toContain('--steps is for models such as vit-small; first-light is none');
  });

  it('reads a comparison', async () => {
    const { seed: _seed, optimizer, ...settings } = mlp;
    const comparison = { name: 'two rates', settings, groups: [{ settings: { optimizer } }] };
    const { out } = await explain(await file(comparison), '--json');
    const [group] = JSON.parse(out) as ExplainedGroup[];
    // x W^T twice, their three gradients, for 16 examples: 2 N (64 x 32) twice, 2 N (32 x 10) three times.
    const products = group?.training.kernels.filter(({ kernel }) => /linear|gradient$/.test(kernel)) ?? [];
    expect(products.reduce((sum, kernel) => sum + kernel.flops, 0)).toBe(
      2 * 16 * (2 * 64 * 32 + 3 * 32 * 10) + 2 * 16 * 32,
    );
  });

  it('says what is wrong', async () => {
    expect(await explain()).toMatchObject({
      code: 2,
      err: expect.stringContaining('SPEC is missing') as string,
    });
    const missing = await explain(join(folder, 'nowhere.json'));
    expect(missing.code).toBe(1);
    expect(missing.err).toContain('there is no file');
    const wrong = await explain(await file({ ...mlp, batchSize: 0 }));
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('batchSize');
    const large = await explain(await file({ ...mlp, batchSize: 5000 }));
    expect(large.err).toContain('5000 is more than the');
  });
});
