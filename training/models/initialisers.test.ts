/** Initial values decide whether two runs of one seed are the same run: distribution, bounds and independence of order. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../datasets/random.ts';
import { initialValues } from '../loop/trainer.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { normal, ones, uniformFanIn, zeros } from './initialisers.ts';
import { traceModel } from './test-model.ts';

const spec = { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4, mlpRatio: 2, pool: 'mean' } as const;

function vitParameters(): Parameter[] {
  return traceModel(spec, [2, 1, 8, 8], 10).parameters.all;
}

function moments(values: Float32Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return { mean, variance: values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length };
}

describe('initial values', () => {
  it('are the same for the same seed and differ for another', () => {
    for (const parameter of vitParameters()) {
      const first = initialValues(parameter, 11);
      expect(initialValues(parameter, 11), parameter.name).toEqual(first);
      if (!parameter.name.includes('norm')) {
        expect(initialValues(parameter, 12), parameter.name).not.toEqual(first);
      }
    }
  });

  it('differ between parameters of one shape', () => {
    const drawn = vitParameters()
      .filter(({ name }) => name.includes('attention') && name.endsWith('.weight'))
      .map((parameter) => initialValues(parameter, 1).join());
    expect(drawn).toHaveLength(8);
    expect(new Set(drawn).size).toBe(8);
  });

  it('do not depend on what was declared before', () => {
    const alone = new Parameters().obtain('head.weight', [10, 32], 'weight', uniformFanIn(32));
    const later = vitParameters().find(({ name }) => name === 'head.weight') as Parameter;
    expect(initialValues(later, 4)).toEqual(initialValues(alone, 4));
  });

  it('lie within 1 / sqrt(inputs) for weights and biases and fill that range evenly', () => {
    const layers = traceModel(spec, [2, 1, 8, 8], 10).builder.layers;
    for (const { weight, bias, inputs } of layers) {
      const bound = 1 / Math.sqrt(inputs);
      const values = initialValues(weight, 3);
      const largest = Math.max(...values.map(Math.abs), ...initialValues(bias as Parameter, 3).map(Math.abs));
      // f32 rounding may lift a value that touches the bound.
      expect(largest, weight.name).toBeLessThanOrEqual(bound * (1 + 1e-6));
      if (values.length < 1000) continue;
      expect(largest, weight.name).toBeGreaterThan(0.97 * bound);
      const { mean, variance } = moments(values);
      expect(Math.abs(mean), weight.name).toBeLessThan(0.1 * bound);
      expect(variance / (bound ** 2 / 3), weight.name).toBeGreaterThan(0.9);
      expect(variance / (bound ** 2 / 3), weight.name).toBeLessThan(1.1);
    }
  });

  it('bound convolutions by the size of their window', () => {
    const filters = traceModel({ kind: 'cnn', channels: [16, 16] }, [2, 3, 8, 8], 10).parameters;
    const largest = (name: string) => Math.max(...initialValues(filters.get(name), 2).map(Math.abs));
    for (const [name, fanIn] of [
      ['convolutions.0.weight', 27],
      ['convolutions.1.weight', 144],
    ] as const) {
      expect(largest(name)).toBeLessThanOrEqual((1 + 1e-6) / Math.sqrt(fanIn));
      expect(largest(name)).toBeGreaterThan(0.9 / Math.sqrt(fanIn));
    }
  });

  it('are normal with deviation 0.02 for positions, one and zero for norms', () => {
    const byName = new Map(vitParameters().map((parameter) => [parameter.name, parameter]));
    const values = (name: string) => initialValues(byName.get(name) as Parameter, 8);
    expect(Math.sqrt(moments(values('positions')).variance)).toBeGreaterThan(0.018);
    expect(Math.sqrt(moments(values('positions')).variance)).toBeLessThan(0.022);
    expect(new Set(values('norm.weight'))).toEqual(new Set([1]));
    expect(new Set(values('norm.bias'))).toEqual(new Set([0]));
  });
});

describe('initialisers', () => {
  it('draw the numbers of a normal distribution', () => {
    const values = normal(2)(createRandom(1), 20_000);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.sqrt(variance)).toBeGreaterThan(1.95);
    expect(Math.sqrt(variance)).toBeLessThan(2.05);
    const within = (deviations: number) =>
      values.filter((x) => Math.abs(x) < 2 * deviations).length / values.length;
    expect(within(1)).toBeCloseTo(0.6827, 1);
    expect(within(2)).toBeCloseTo(0.9545, 1);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('fill constants to the length asked for', () => {
    expect(ones(createRandom(1), 3)).toEqual(Float32Array.of(1, 1, 1));
    expect(zeros(createRandom(1), 2)).toEqual(Float32Array.of(0, 0));
  });
});
