/**
 * The nets of the fixtures as programs of the engine, under the fixtures' own parameter names. Every size is the
 * file's; what each family computes is in `goldens/README.md`, section "Nets".
 */
import type { NetFixture } from '../../goldens/fixture.ts';
import { patchRows } from '../../training/models/vit.ts';
import { zeros } from '../../training/models/initialisers.ts';
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import { lastAxis, type Tensor } from '../../training/program/graph.ts';
import { attention } from '../../training/program/operations/attention.ts';
import { add, gelu, geluTanh, relu, tanh } from '../../training/program/operations/elementwise.ts';
import { permute } from '../../training/program/operations/permute.ts';
import { meanAxes } from '../../training/program/operations/reduce.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { NetFamily } from './net-family.ts';

export interface ReferenceNet {
  output: Tensor;
  /** Intermediates in the fixture's layout, by their key in `forward`. */
  intermediates: Map<string, Tensor>;
}

/** Adds the net to the builder's graph; `x` is the fixture's `inputs.x`. */
export function buildReferenceNet(
  builder: ModelBuilder,
  fixture: NetFixture,
  family: NetFamily,
  x: Tensor,
): ReferenceNet {
  const net = build(builder, fixture, family, x);
  const expected = fixture.forward.output.shape;
  if (net.output.shape.join() !== expected.join()) {
    throw new KronlabError(
      'invalid',
      `the net of the layer table gives an output [${net.output.shape.join()}]; forward.output is [${expected.join()}]`,
    );
  }
  return net;
}

function build(builder: ModelBuilder, fixture: NetFixture, family: NetFamily, x: Tensor): ReferenceNet {
  switch (family.kind) {
    case 'chain':
      return chain(builder, fixture, family, x);
    case 'convolution':
      return convolutionNet(builder, family, x);
    case 'vit':
      return vit(builder, fixture, family, x);
    default:
      family satisfies never;
      throw new KronlabError('internal', 'a family of nets without a builder');
  }
}

function chain(
  builder: ModelBuilder,
  { setting }: NetFixture,
  { layers, activation }: Extract<NetFamily, { kind: 'chain' }>,
  x: Tensor,
): ReferenceNet {
  const intermediates = new Map<string, Tensor>();
  let z = x;
  layers.forEach((layer, i) => {
    z = builder.linear(layer.name, z, layer.d_out, { bias: layer.bias });
    if (i === layers.length - 1 || activation === 'none') return;
    z = tanh(z);
    if (i === 0) intermediates.set('hidden_tanh', z);
  });
  if (activation === 'tanh') intermediates.set('logits_per_token', z);
  const positions = z.shape.length - 2;
  const isPooled = setting === 'reduce' && positions > 0;
  return { output: isPooled ? meanAxes(z, 1, positions) : z, intermediates };
}

function convolutionNet(
  builder: ModelBuilder,
  { convolutions, head }: Extract<NetFamily, { kind: 'convolution' }>,
  x: Tensor,
): ReferenceNet {
  const intermediates = new Map<string, Tensor>();
  let image = permute(x, [0, 2, 3, 1]);
  for (const { name, d_out, kernel, stride, padding, bias } of convolutions) {
    const z = builder.convolution(name, image, d_out, { kernel, stride, padding, dilation: 1 }, { bias });
    intermediates.set(`${name}_pre`, permute(z, [0, 3, 1, 2]));
    image = relu(z);
  }
  const pooled = meanAxes(image, 1, 2);
  intermediates.set('pooled', pooled);
  return { output: builder.linear(head.name, pooled, head.d_out, { bias: head.bias }), intermediates };
}

function vit(
  builder: ModelBuilder,
  fixture: NetFixture,
  { heads, gelu: variant }: Extract<NetFamily, { kind: 'vit' }>,
  images: Tensor,
): ReferenceNet {
  const dense = (name: string, input: Tensor): Tensor => {
    const layer = fixture.layers.find((candidate) => candidate.name === name);
    const options = { bias: layer?.bias ?? true, isAttentionKey: name === 'block.k' };
    return builder.linear(name, input, layer?.d_out ?? 1, options);
  };
  const patches = patchRows(images, patchSide(fixture, images));
  const embedded = dense('embed', patches);
  const x = add(embedded, builder.parameter('pos', [patches.shape[1] ?? 1, lastAxis(embedded)], zeros));
  const y = builder.layerNorm('block.ln1', x);
  const mixed = attention(dense('block.q', y), dense('block.k', y), dense('block.v', y), heads);
  const attended = add(x, dense('block.o', mixed));
  const hidden = dense('block.fc1', builder.layerNorm('block.ln2', attended));
  const activated = variant === 'tanh' ? geluTanh(hidden) : gelu(hidden);
  const normed = builder.layerNorm('ln', add(attended, dense('block.fc2', activated)));
  const pooled = meanAxes(normed, 1, 1);
  const intermediates = new Map([
    ['patches', patches],
    ['mlp_pre', hidden],
    ['mlp_post', activated],
    ['pooled', pooled],
  ]);
  const probabilities = mixed.node.outputs[1];
  if (probabilities) intermediates.set('attention', probabilities);
  return { output: dense('head', pooled), intermediates };
}

/** The patch embedding's width is channels * side^2. */
function patchSide(fixture: NetFixture, images: Tensor): number {
  const channels = images.shape[1] ?? 1;
  const width = fixture.layers.find(({ name }) => name === 'embed')?.d_in ?? 0;
  const side = Math.sqrt(width / channels);
  if (Number.isInteger(side) && side > 0) return side;
  throw new KronlabError(
    'invalid',
    `layers.embed.d_in is ${width}; expected ${channels} channels times the pixels of a square patch`,
  );
}
