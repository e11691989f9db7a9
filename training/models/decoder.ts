/**
 * A decoder-only transformer: tokens looked up in a table, positions added, pre-norm blocks with causal attention, a final
 * norm, and logits of the next token at every position, from a matrix of their own or from the table of tokens (`tied`).
 *
 * A tied table is used in two directions, by rows and by columns, which are two Kronecker products and no single one: it
 * takes the first-order update whatever `embeddings` says.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import { embedding } from '../program/operations/embedding.ts';
import { add } from '../program/operations/elementwise.ts';
import { linear } from '../program/operations/linear.ts';
import type { Tensor } from '../program/graph.ts';
import { normal } from './initialisers.ts';
import type { TokenInputs } from './inputs.ts';
import type { ModelBuilder } from './model-builder.ts';
import { transformerBlock } from './transformer-block.ts';

export type DecoderSpec = Extract<ModelSpec, { kind: 'decoder' }>;

/**
 * Standard deviations of first values. Separate: what trained well in small models. Tied: as GPT-2, because the same
 * numbers make the logits, whose deviation is sqrt(width) times theirs.
 */
const deviations = { separate: { tokens: 0.3, positions: 0.1 }, tied: { tokens: 0.02, positions: 0.02 } };

/** Logits [N, L, outputs] of tokens [N, L]. Throws `invalid` for a tied head whose outputs are not the vocabulary. */
export function decoder(
  builder: ModelBuilder,
  spec: DecoderSpec,
  { tokens, vocabulary }: TokenInputs,
  outputs: number,
): Tensor {
  const [, length = 1] = tokens.shape;
  const { width, head } = spec;
  const initialise = normal(deviations[head].tokens);
  const table = head === 'tied' ? builder.parameter('tokens.weight', [vocabulary, width], initialise) : null;
  const embedded = table
    ? embedding(table, tokens)
    : builder.embedding('tokens', tokens, vocabulary, width, { initialise });
  let x = add(embedded, positions(builder, spec, length));
  for (let i = 0; i < spec.blocks; i++) x = transformerBlock(builder, spec, `blocks.${i}`, x, true);
  const y = builder.layerNorm('norm', x);
  if (!table) return builder.linear('head', y, outputs);
  if (outputs !== vocabulary) {
    throw new KronlabError(
      'invalid',
      `model.head: a tied head has an output for each of the ${vocabulary} tokens; ${outputs} are wanted`,
    );
  }
  return linear(y, table, null);
}

/** [1, L, width], learned or sinusoidal. */
function positions(builder: ModelBuilder, spec: DecoderSpec, length: number): Tensor {
  const shape = [1, length, spec.width];
  if (spec.positions === 'sinusoidal') {
    return builder.constant('positions', shape, sinusoids(length, spec.width));
  }
  return builder.parameter('positions', shape, normal(deviations[spec.head].positions));
}

/**
 * [length, width] of Vaswani et al. 2017, section 3.5: sin(p / 10000^(2i/width)) at 2 i, the cosine at 2 i + 1.
 */
export function sinusoids(length: number, width: number): Float32Array {
  return Float32Array.from({ length: length * width }, (_, at) => {
    const [position, j] = [Math.floor(at / width), at % width];
    const angle = position / 10000 ** ((j - (j % 2)) / width);
    return j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
