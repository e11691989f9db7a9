import { describe, expect, it } from 'vitest';
import { contentHash, littleEndian, sha256 } from './content-hash.ts';
import { valueTensor } from './tensor-dataset.ts';

const base = {
  kind: 'table',
  task: 'classification',
  splits: [],
  tensors: { inputs: valueTensor([2, 2], Float32Array.of(1, 2, 3, 4)) },
} as const;

describe('valueTensor', () => {
  it('gives the same values the same type, whatever they came as', () => {
    const bytes = valueTensor([3], Uint8Array.of(0, 7, 255));
    expect(valueTensor([3], Float32Array.of(-0, 7, 255))).toEqual(bytes);
    for (const outside of [0.5, 256, -1, NaN])
      expect(valueTensor([1], Float32Array.of(outside)).type).toBe('f32');
    expect(Object.is(valueTensor([2], Float32Array.of(-0, 0.5)).data[0], 0)).toBe(true);
  });

  it('does not keep a larger buffer alive', () => {
    const large = new Uint8Array(100);
    expect(valueTensor([2], large.subarray(4, 6)).data.buffer.byteLength).toBe(2);
  });
});

describe('contentHash', () => {
  it('is the hash of the documented text', async () => {
    const inputs = await sha256(Uint8Array.of(1, 2, 3, 4));
    const text = `kronlab-dataset 1\ntable\nclassification\ninputs u8 2x2 ${inputs}\nsplit train 0 2`;
    const splits = [{ name: 'train', start: 0, count: 2 }];
    expect(await contentHash({ ...base, splits })).toBe(await sha256(new TextEncoder().encode(text)));
    expect(await sha256(new TextEncoder().encode('abc'))).toBe(
      // FIPS 180-4, example of one block.
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('changes with a value, a shape, a split and the task', async () => {
    const variants = [
      base,
      { ...base, tensors: { inputs: valueTensor([2, 2], Float32Array.of(1, 2, 3, 5)) } },
      { ...base, tensors: { inputs: valueTensor([4, 1], Float32Array.of(1, 2, 3, 4)) } },
      { ...base, splits: [{ name: 'train', start: 0, count: 2 }] },
      { ...base, task: 'regression' as const },
    ];
    expect(new Set(await Promise.all(variants.map((variant) => contentHash(variant)))).size).toBe(5);
  });

  it('is over little-endian bytes', () => {
    expect([...littleEndian(valueTensor([1], Float32Array.of(0.5)))]).toEqual([0, 0, 0, 0x3f]);
  });
});
