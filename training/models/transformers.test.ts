/** Vision transformers and decoders against their forward pass in float64. */
import { describe, expect, it } from 'vitest';
import { crossEntropyColumns, softmax, type Tape } from '../curvature/acceptance/test-reference-net.ts';
import { crossEntropy } from '../program/operations/loss.ts';
import { expectClose, noise } from '../program/test-program.ts';
import { decoder, sinusoids, type DecoderSpec } from './decoder.ts';
import { checkFactors, checkPass, type CheckedModel } from './test-check-model.ts';
import { describeLayers, describeParameters, traceModel, traceOver } from './test-model.ts';
import { blockOf, meanRows, normOf } from './test-reference-layers.ts';
import { vit } from './vit.ts';

const meanCrossEntropy = (labels: ArrayLike<number>, classes: number) => (logits: Float64Array) => {
  const p = softmax(logits, classes);
  const terms = logits.length / classes;
  let sum = 0;
  for (let m = 0; m < terms; m++) sum -= Math.log(p[m * classes + labels[m]!]!);
  return sum / terms;
};

const blockLayers = (name: string, width: number, hidden: number) => [
  ...['query', 'key', 'value', 'out'].map((part) => [`${name}.attention.${part}`, width] as const),
  [`${name}.mlp.in`, hidden] as const,
  [`${name}.mlp.out`, width] as const,
];

describe('decoder', () => {
  const spec: DecoderSpec = {
    ...{ kind: 'decoder', width: 4, blocks: 1, heads: 2, mlpRatio: 1.5 },
    ...{ positions: 'learned', head: 'separate' },
  };
  const shape = { examples: 2, length: 3 };
  const [V, rows] = [5, 6];
  const tokens = Uint32Array.of(1, 4, 4, 0, 2, 1);
  const labels = Uint32Array.of(4, 4, 3, 2, 1, 0);

  const model = (one: DecoderSpec): CheckedModel => ({
    build: (builder, leaf) =>
      decoder(builder, one, { kind: 'text', tokens: leaf(tokens, [2, 3]), vocabulary: V }, V),
    loss: (outputs, leaf) => crossEntropy(outputs, leaf(labels, [2, 3])),
  });

  const reference =
    (one: DecoderSpec) =>
    (tape: Tape): Float64Array => {
      const { width } = one;
      const table = tape.parameter('tokens.weight', V * width);
      const positions =
        one.positions === 'learned'
          ? tape.parameter('positions', shape.length * width)
          : sinusoids(shape.length, width);
      let x: Float64Array = Float64Array.from({ length: rows * width }, (_, at) => {
        const [row, j] = [Math.floor(at / width), at % width];
        return table[tokens[row]! * width + j]! + positions[(row % shape.length) * width + j]!;
      });
      for (let i = 0; i < one.blocks; i++) x = blockOf(tape, `blocks.${i}`, x, one, shape, true);
      const y = normOf(tape, 'norm', x, width);
      if (one.head === 'separate') return tape.linear('head', { data: y, width, counts: [3, 3] }, V);
      return Float64Array.from({ length: rows * V }, (_, at) => {
        let sum = 0;
        for (let j = 0; j < width; j++)
          sum += y[Math.floor(at / V) * width + j]! * table[(at % V) * width + j]!;
        return sum;
      });
    };

  it.each([
    ['as it comes', spec],
    ['tied, sinusoidal, two blocks', { ...spec, head: 'tied', positions: 'sinusoidal', blocks: 2 } as const],
  ])('outputs and gradients are those of the definition: %s', (_, one) =>
    checkPass(model(one), reference(one), meanCrossEntropy(labels, V), 1e-5),
  );

  it('factors of both flavours are those of the definition', () =>
    checkFactors(model(spec), reference(spec), {
      layers: [...blockLayers('blocks.0', 4, 6), ['head', V]],
      ...{ terms: rows, tolerance: 1e-5 },
      columns: (outputs) => crossEntropyColumns(outputs, V),
    }));

  it('has the layers of a language model; a tied table is none of them, even where embeddings are', () => {
    const text = { kind: 'text', length: 7, vocabulary: 11 } as const;
    const options = { embeddingsAreLayers: true };
    const separate = traceOver(spec, text, 11, options);
    expect(separate.logits.shape).toEqual([1, 7, 11]);
    expect(describeLayers(separate.builder).filter((line) => !line.startsWith('blocks'))).toEqual([
      'tokens 11 -> 4, shared 7 times',
      'head 4 -> 11, shared 7 times',
    ]);
    const tied = traceOver({ ...spec, head: 'tied' }, text, 11, options);
    expect(describeLayers(tied.builder).filter((line) => !line.startsWith('blocks'))).toEqual([]);
    expect(describeParameters(tied.parameters)).toContain('tokens.weight [11, 4] other');
    expect(tied.parameters.count).toBe(separate.parameters.count - 4 * 11 - 11);
  });

  it('keeps sinusoidal positions as numbers that nothing trains', () => {
    const { parameters } = traceOver(
      { ...spec, positions: 'sinusoidal' },
      { kind: 'text', length: 7, vocabulary: 11 },
      11,
    );
    expect(parameters.buffers.map(({ name, shape: own }) => [name, own])).toEqual([['positions', [1, 7, 4]]]);
    expect(parameters.all.map(({ name }) => name)).not.toContain('positions');
    const values = sinusoids(7, 4);
    expectClose([...values.subarray(0, 4)], [0, 1, 0, 1], 1e-7);
    expectClose(
      [...values.subarray(20, 24)],
      [Math.sin(5), Math.cos(5), Math.sin(0.05), Math.cos(0.05)],
      1e-6,
    );
  });

  it('refuses a tied head with other outputs than tokens', () => {
    expect(() =>
      traceOver({ ...spec, head: 'tied' }, { kind: 'text', length: 7, vocabulary: 11 }, 3),
    ).toThrow('model.head: a tied head has an output for each of the 11 tokens; 3 are wanted');
  });
});

describe('vision transformer', () => {
  const spec = {
    kind: 'vit',
    patch: 2,
    width: 4,
    blocks: 1,
    heads: 2,
    mlpRatio: 1.5,
    pool: 'class',
  } as const;
  const [N, C, side] = [3, 3, 4];
  const pixels = noise(N * side * side, 5);
  const labels = Uint32Array.of(2, 0, 1);
  type Spec = Omit<typeof spec, 'pool'> & { pool: 'mean' | 'class' };

  const model = (one: Spec): CheckedModel => ({
    build: (builder, leaf) => vit(builder, one, leaf(pixels, [N, 1, side, side]), C),
    loss: (outputs, leaf) => crossEntropy(outputs, leaf(labels, [N])),
  });

  const reference =
    (one: Spec) =>
    (tape: Tape): Float64Array => {
      const { width, patch } = one;
      const across = side / patch;
      const patches = across ** 2;
      const rows = Float64Array.from({ length: N * side * side }, (_, at) => {
        const pixel = at % (patch * patch);
        const [image, place] = [
          Math.floor(at / (side * side)),
          Math.floor((at % (side * side)) / patch ** 2),
        ];
        const y = Math.floor(place / across) * patch + Math.floor(pixel / patch);
        const x = (place % across) * patch + (pixel % patch);
        return pixels[(image * side + y) * side + x]!;
      });
      const counts = (each: number) => new Array<number>(N).fill(each);
      const embedded = tape.linear(
        'patch',
        { data: rows, width: patch ** 2, counts: counts(patches) },
        width,
      );
      const extra = one.pool === 'class' ? 1 : 0;
      const length = patches + extra;
      const token = extra ? tape.parameter('class', width) : [];
      const positions = tape.parameter('positions', length * width);
      let x: Float64Array = Float64Array.from({ length: N * length * width }, (_, at) => {
        const [image, row, j] = [
          Math.floor(at / (length * width)),
          Math.floor(at / width) % length,
          at % width,
        ];
        const start = row < extra ? token[j]! : embedded[(image * patches + row - extra) * width + j]!;
        return start + positions[row * width + j]!;
      });
      for (let i = 0; i < one.blocks; i++)
        x = blockOf(tape, `blocks.${i}`, x, one, { examples: N, length }, false);
      const y = normOf(tape, 'norm', x, width);
      const read = extra
        ? Float64Array.from(
            { length: N * width },
            (_, at) => y[Math.floor(at / width) * length * width + (at % width)]!,
          )
        : meanRows(y, width, { examples: N, length });
      return tape.linear('head', { data: read, width, counts: counts(1) }, C);
    };

  it.each(['mean', 'class'] as const)('outputs and gradients are those of the definition: %s', (pool) =>
    checkPass(model({ ...spec, pool }), reference({ ...spec, pool }), meanCrossEntropy(labels, C), 1e-5),
  );

  it('factors of both flavours are those of the definition, with a class token', () =>
    checkFactors(model(spec), reference(spec), {
      layers: [['patch', 4], ...blockLayers('blocks.0', 4, 6), ['head', C]],
      ...{ terms: N, tolerance: 1e-5 },
      columns: (outputs) => crossEntropyColumns(outputs, C),
    }));

  it('declares a class token and a position for it', () => {
    const { parameters, builder, logits } = traceModel(spec, [2, 1, 4, 4], 10);
    expect(describeParameters(parameters).slice(0, 4)).toEqual([
      'patch.weight [4, 4] weight',
      'patch.bias [4] bias',
      'class [1, 1, 4] other',
      'positions [1, 5, 4] other',
    ]);
    expect(describeLayers(builder).slice(0, 2)).toEqual([
      'patch 4 -> 4, shared 4 times',
      'blocks.0.attention.query 4 -> 4, shared 5 times',
    ]);
    expect(logits.shape).toEqual([2, 10]);
  });
});
