import fc from 'fast-check';
import { beforeAll, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { backward } from '../backward.ts';
import { size } from '../graph.ts';
import { StepUniform } from '../step-scalars.ts';
import { evaluate, prepare } from '../test-program.ts';
import { dropout } from './dropout.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

interface Setting {
  shape: number[];
  rate: number;
  stream?: number;
}

/** The masks, as factors, of value and gradient at a seed and a step. */
async function sampler({ shape, rate, stream = 0 }: Setting) {
  const step = new StepUniform(gpu);
  const ones = new Float64Array(size(shape)).fill(1);
  const program = await prepare((graph, leaf) => {
    const x = leaf(ones, shape);
    const y = dropout(x, rate, step, stream);
    const gradients = backward(graph, [{ tensor: y, gradient: leaf(ones, shape) }], [x]);
    return [y, gradients.get(x)!];
  });
  return async (seed: number, index: number): Promise<{ value: number[]; gradient: number[] }> => {
    step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    const [value, gradient] = await program.run();
    return { value: [...value!], gradient: [...gradient!] };
  };
}

const shapes = [[64], [3, 8], [5, 7], [1], [2, 3, 3], [1025]];

test.each(shapes)(
  'numbers of shape %j are 0 or divided by what is kept, and so is the gradient',
  (...shape) =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(0.1, 0.5, 0.9), fc.nat(1000), async (rate, seed) => {
        const { value, gradient } = await (await sampler({ shape, rate }))(seed, 1);
        const kept = Math.fround(1 / (1 - rate));
        expect(value.filter((v) => v !== 0 && Math.abs(v / kept - 1) > 1e-6)).toEqual([]);
        expect(gradient).toEqual(value);
      }),
      trials(2),
    ),
);

it('repeats with seed and step, and draws anew with another seed, step or stream', async () => {
  const setting = { shape: [8, 32], rate: 0.5 };
  const draw = await sampler(setting);
  const first = await draw(7, 3);
  expect(await draw(7, 3)).toEqual(first);
  expect(await (await sampler(setting))(7, 3)).toEqual(first);
  const others = [await draw(7, 4), await draw(8, 3), await (await sampler({ ...setting, stream: 1 }))(7, 3)];
  for (const other of others) {
    expect(other.value).not.toEqual(first.value);
    // Independent masks agree in half of the places; four standard deviations.
    const agreeing = other.value.filter((v, i) => v === first.value[i]).length;
    expect(Math.abs(agreeing - 128)).toBeLessThan(4 * Math.sqrt(256 * 0.25));
  }
});

it('draws the same mask for the same positions in any shape', async () => {
  const [flat, odd, quads] = [[60], [4, 15], [5, 12]];
  const masks = [];
  for (const shape of [flat, odd, quads]) {
    masks.push((await (await sampler({ shape, rate: 0.3 }))(1, 1)).value);
  }
  expect(masks[1]).toEqual(masks[0]);
  expect(masks[2]).toEqual(masks[0]);
});

// Draws are fixed by seed and step, so these tests of chance give the same answer every time.
test.each([0.1, 0.5, 0.8])('keeps the share 1 - %d, neighbours independent', async (rate) => {
  const count = 20000;
  const { value } = await (await sampler({ shape: [count], rate }))(1, 1);
  const kept = value.map((v) => (v === 0 ? 0 : 1));
  const share = kept.reduce<number>((sum, k) => sum + k, 0) / count;
  const spread = Math.sqrt((rate * (1 - rate)) / count);
  expect(Math.abs(share - (1 - rate))).toBeLessThan(4 * spread);
  for (const distance of [1, 2, 3, 4]) {
    const both = kept.filter((k, i) => k && kept[i + distance]).length / (count - distance);
    expect(Math.abs(both - (1 - rate) ** 2)).toBeLessThan(8 * spread);
  }
});

it('keeps NaN', async () => {
  const step = new StepUniform(gpu);
  step.write({
    index: 1,
    seed: 1,
    slot: 0,
    lr: 0,
    correction1: 1,
    correction2: 1,
    factorMix: 1,
  });
  const [y] = await evaluate((_, leaf) => dropout(leaf(new Array(16).fill(NaN), [16]), 0.5, step, 0));
  expect([...y!].every(Number.isNaN)).toBe(true);
});

it('does nothing at rate 0 and refuses rates that are none', async () => {
  const step = new StepUniform(gpu);
  await evaluate((_, leaf) => {
    const x = leaf([1], [1]);
    expect(dropout(x, 0, step, 0)).toBe(x);
    for (const rate of [1, -0.1, NaN]) {
      expect(() => dropout(x, rate, step, 0)).toThrow(`dropout: a rate of ${rate} is not in [0, 1)`);
    }
    return x;
  });
});
