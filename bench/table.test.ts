import { describe, expect, it } from 'vitest';
import type { BenchRow } from './row.ts';
import { describeRows, table } from './table.ts';
import { verdicts } from './targets.ts';

const row = (changes: Partial<BenchRow>): BenchRow => ({
  name: 'mlp',
  adapter: 'SwiftShader (software)',
  ours_ms: 20,
  peers: { 'jax-js-webgpu': 90, 'tfjs-webgpu': 400 },
  ratio: 4.5,
  gflops: 3.25,
  rounds: 11,
  peer_rounds: { 'jax-js-webgpu': 11, 'tfjs-webgpu': 4 },
  first_call_ms: { ours: 300, 'jax-js-webgpu': 1200, 'tfjs-webgpu': 800 },
  agreement: { of: 'loss', ours: 0, error: 2e-6, tolerance: 1e-3 },
  dispatches: 12,
  notes: [],
  ...changes,
});

describe('verdicts', () => {
  it('holds ratios and dispatches against the targets', () => {
    const found = verdicts(row({}), []);
    expect(found).toEqual([
      { target: '>= 4x jax-js-webgpu', measured: '4.50x', isMet: true },
      { target: '<= 20 dispatches', measured: '12', isMet: true },
    ]);
    const missed = verdicts(row({ ours_ms: 30, dispatches: 21 }), []);
    expect(missed.map(({ isMet }) => isMet)).toEqual([false, false]);
  });

  it('compares a transposed product with the plain one, slower by at most 15 %', () => {
    const plain = row({ name: 'matmul-nn-1024', ours_ms: 100 });
    const near = (ms: number) =>
      verdicts(row({ name: 'matmul-tn-1024', ours_ms: ms }), [plain]).find(({ target }) =>
        target.startsWith('within'),
      );
    expect(near(114)).toMatchObject({ measured: '+14 %', isMet: true });
    expect(near(120)).toMatchObject({ measured: '+20 %', isMet: false });
    expect(near(90)).toMatchObject({ measured: '-10 %', isMet: true });
  });

  it('judges the inverse by our own residual, not by the largest of all sides', () => {
    const agreement = { of: 'residual', ours: 2e-6, error: 9e-6, tolerance: 1e-5 };
    const found = verdicts(row({ name: 'spd-512', agreement }), []);
    expect(found.find(({ target }) => target.startsWith('residual'))?.isMet).toBe(true);
  });

  it('asks that memory be planned tightly and that a step make nothing', () => {
    const memory = row({
      name: 'memory-vit',
      memory_ratio: 1.2,
      created_per_step: { buffers: 0, bind_groups: 1, pipelines: 0 },
    });
    expect(verdicts(memory, []).map(({ isMet }) => isMet)).toEqual([false, false]);
  });

  it('says nothing of a peer that took no part', () => {
    expect(verdicts(row({ name: 'convnet', peers: {} }), [])).toEqual([]);
  });
});

describe('describeRows', () => {
  const text = describeRows([row({ notes: ['tfjs-wasm left out: it cannot'] })]);

  it('names the adapter, the times, the ratios and the first calls', () => {
    expect(text).toContain('adapter: SwiftShader (software)');
    expect(text).toMatch(/^mlp +20\.0 +90\.0 +4\.50x +400 +20\.0x +3\.25 +11$/m);
    expect(text).toMatch(/^mlp +300 +1200 +800$/m);
  });

  it('leaves out columns of peers that no row has', () => {
    expect(text).not.toContain('tfjs-wasm ms');
  });

  it('says which targets were met, and what a reader must know', () => {
    expect(text).toMatch(/^mlp +>= 4x jax-js-webgpu +4\.50x +met$/m);
    expect(text).toContain('mlp: tfjs-webgpu took part in 4 rounds');
    expect(text).toContain('mlp: tfjs-wasm left out: it cannot');
  });
});

describe('table', () => {
  it('is nothing without rows', () => {
    expect(table(['a'], [])).toBe('');
  });

  it('lines columns up', () => {
    expect(
      table(
        ['', 'ms'],
        [
          ['a', '1'],
          ['long', '100'],
        ],
      ),
    ).toBe('       ms\na       1\nlong  100');
  });
});
