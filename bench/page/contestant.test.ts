import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SideName } from '../row.ts';
import { compare, type Check, type Contestant } from './contestant.ts';

const rules = { budgetMs: 1000, fewest: 2 };
/** Two calls, the second of which must be 2, as ours says it is. */
const check: Check = {
  of: 'the number of calls',
  calls: 2,
  tolerance: 0.1,
  error: (results, ours) => Math.abs((results[1]?.[0] ?? NaN) - (ours[1]?.[0] ?? NaN)),
};

/** Counts its calls and answers their number, plus an offset. */
class Counter implements Contestant {
  readonly name: SideName;
  private readonly offset: number;
  calls = 0;
  isDisposed = false;

  constructor(name: SideName, offset = 0) {
    this.name = name;
    this.offset = offset;
  }

  run(calls: number): Promise<void> {
    this.calls += calls;
    return Promise.resolve();
  }

  result(): Promise<Float32Array> {
    return Promise.resolve(Float32Array.of(this.calls + this.offset));
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

describe('a comparison', () => {
  beforeEach(() => void vi.spyOn(console, 'info').mockImplementation(() => undefined));

  it('times the sides that compute the same, and tells how far they are apart', async () => {
    const [ours, peer] = [new Counter('ours'), new Counter('tfjs-webgpu', 0.0625)];
    const result = await compare(
      () => Promise.resolve(ours),
      { 'tfjs-webgpu': () => Promise.resolve(peer) },
      check,
      rules,
    );
    expect(result.ours).toBe(ours);
    expect(result.agreement).toEqual({ of: check.of, ours: 0, error: 0.0625, tolerance: 0.1 });
    expect([...result.timings.keys()]).toEqual(['ours', 'tfjs-webgpu']);
    expect(result.timings.get('ours')?.rounds).toBeGreaterThanOrEqual(2);
    expect(Object.keys(result.firstCallMs)).toEqual(['ours', 'tfjs-webgpu']);
    expect(result.notes).toEqual([]);
    // Beyond the two calls that are checked.
    expect(peer.calls).toBeGreaterThan(2);
    expect([ours.isDisposed, peer.isDisposed]).toEqual([true, true]);
  });

  it('leaves out a peer that computes something else before any time is taken, with the reason', async () => {
    const [ours, wrong] = [new Counter('ours'), new Counter('jax-js-webgpu', 1)];
    const result = await compare(
      () => Promise.resolve(ours),
      { 'jax-js-webgpu': () => Promise.resolve(wrong) },
      check,
      rules,
    );
    expect(result.notes).toEqual([
      'jax-js-webgpu left out: jax-js-webgpu: the number of calls is off by 1.0e+0, allowed 0.1',
    ]);
    expect([...result.timings.keys()]).toEqual(['ours']);
    expect(result.firstCallMs).not.toHaveProperty('jax-js-webgpu');
    expect(wrong.calls).toBe(check.calls);
    // What was left out says nothing of how far the others are apart.
    expect(result.agreement.error).toBe(0);
  });

  it('leaves out a peer that cannot run here, and one whose numbers are none', async () => {
    const result = await compare(
      () => Promise.resolve(new Counter('ours')),
      {
        'jax-js-wasm': () => Promise.reject(new Error('no such backend')),
        'tfjs-wasm': () => Promise.resolve(new Counter('tfjs-wasm', NaN)),
      },
      check,
      rules,
    );
    expect(result.notes).toEqual([
      'jax-js-wasm left out: no such backend',
      'tfjs-wasm left out: tfjs-wasm: the number of calls is off by NaN, allowed 0.1',
    ]);
    expect([...result.timings.keys()]).toEqual(['ours']);
  });

  it('is none where our own side is wrong', async () => {
    const off: Check = { ...check, error: () => 0.5 };
    await expect(compare(() => Promise.resolve(new Counter('ours')), {}, off, rules)).rejects.toThrow(
      'ours: the number of calls is off by 5.0e-1, allowed 0.1',
    );
  });
});
