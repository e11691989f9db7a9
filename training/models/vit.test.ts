/** What a vision transformer declares, which layers K-FAC sees, and how an image becomes patches. */
import { describe, expect, it } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import { evaluate } from '../program/test-program.ts';
import { describeLayers, describeParameters, traceModel } from './test-model.ts';
import { patchRows } from './patch-rows.ts';

const spec = { kind: 'vit', patch: 2, width: 8, blocks: 1, heads: 2, mlpRatio: 1.5, pool: 'mean' } as const;

describe('vit', () => {
  it('declares the parameters of patches, positions, every block, final norm and head', () => {
    const { parameters, logits } = traceModel(spec, [3, 2, 4, 6], 10);
    expect(describeParameters(parameters)).toEqual([
      'patch.weight [8, 8] weight',
      'patch.bias [8] bias',
      'positions [1, 6, 8] other',
      'blocks.0.norm1.weight [8] other',
      'blocks.0.norm1.bias [8] other',
      'blocks.0.attention.query.weight [8, 8] weight',
      'blocks.0.attention.query.bias [8] bias',
      'blocks.0.attention.key.weight [8, 8] weight',
      'blocks.0.attention.key.bias [8] bias',
      'blocks.0.attention.value.weight [8, 8] weight',
      'blocks.0.attention.value.bias [8] bias',
      'blocks.0.attention.out.weight [8, 8] weight',
      'blocks.0.attention.out.bias [8] bias',
      'blocks.0.norm2.weight [8] other',
      'blocks.0.norm2.bias [8] other',
      'blocks.0.mlp.in.weight [12, 8] weight',
      'blocks.0.mlp.in.bias [12] bias',
      'blocks.0.mlp.out.weight [8, 12] weight',
      'blocks.0.mlp.out.bias [8] bias',
      'norm.weight [8] other',
      'norm.bias [8] other',
      'head.weight [10, 8] weight',
      'head.bias [10] bias',
    ]);
    expect(parameters.count).toBe(72 + 48 + 3 * 16 + 4 * 72 + (12 * 8 + 12) + (8 * 12 + 8) + 90);
    expect(logits.shape).toEqual([3, 10]);
  });

  it('names the parameters of every block alike', () => {
    const { parameters } = traceModel({ ...spec, blocks: 3 }, [3, 2, 4, 6], 10);
    const namesIn = (block: number) =>
      parameters.all.flatMap(({ name }) => (name.startsWith(`blocks.${block}.`) ? [name.slice(9)] : []));
    expect(namesIn(0)).toHaveLength(16);
    expect(namesIn(1)).toEqual(namesIn(0));
    expect(namesIn(2)).toEqual(namesIn(0));
  });

  it('shares every layer over the patches but the head, which follows the pooling', () => {
    const { builder } = traceModel(spec, [3, 2, 4, 6], 10);
    expect(describeLayers(builder)).toEqual([
      'patch 8 -> 8, shared 6 times',
      'blocks.0.attention.query 8 -> 8, shared 6 times',
      'blocks.0.attention.key 8 -> 8, shared 6 times',
      'blocks.0.attention.value 8 -> 8, shared 6 times',
      'blocks.0.attention.out 8 -> 8, shared 6 times',
      'blocks.0.mlp.in 8 -> 12, shared 6 times',
      'blocks.0.mlp.out 12 -> 8, shared 6 times',
      'head 8 -> 10, shared 1 times',
    ]);
    const keys = builder.layers.filter((layer) => layer.isAttentionKey).map(({ name }) => name);
    expect(keys).toEqual(['blocks.0.attention.key']);
  });

  it('gives query, key and value one input, so that they share a factor', () => {
    const { builder } = traceModel(spec, [3, 2, 4, 6], 10);
    const inputs = builder.layers.slice(1, 4).map(({ uses }) => uses[0]?.input?.id);
    expect(new Set(inputs).size).toBe(1);
  });

  it.each([
    ['height', 5, 6],
    ['width', 6, 5],
  ])('refuses an image whose %s the patch does not divide', (_, height, width) => {
    const trace = () => traceModel(spec, [3, 1, height, width], 10);
    expect(trace).toThrow(KronlabError);
    expect(trace).toThrow(`model.patch: 2 must divide the image, ${height} x ${width} pixels`);
  });
});

describe('patchRows', () => {
  it('cuts images into patches row by row, each with its pixels in the order channel, row, column', async () => {
    const [n, c, h, w, p] = [2, 3, 4, 6, 2];
    const pixels = Array.from({ length: n * c * h * w }, (_, i) => i);
    const [rows] = await evaluate((_, leaf) => patchRows(leaf(pixels, [n, c, h, w]), p));
    const expected: number[] = [];
    for (let image = 0; image < n; image++)
      for (let top = 0; top < h; top += p)
        for (let left = 0; left < w; left += p)
          for (let channel = 0; channel < c; channel++)
            for (let y = top; y < top + p; y++)
              for (let x = left; x < left + p; x++) expected.push(((image * c + channel) * h + y) * w + x);
    expect([...(rows ?? [])]).toEqual(expected);
  });
});
