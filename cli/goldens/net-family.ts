/**
 * Which net a fixture describes. The files carry no key for it: it is told from the inputs, the layers and the names
 * of the intermediates, and whatever is not recognised for certain is answered as not supported rather than guessed.
 */
import type { LayerSpec, NetFixture } from '../../goldens/fixture.ts';

export type LinearSpec = Extract<LayerSpec, { type: 'linear' }>;
export type ConvolutionSpec = Extract<LayerSpec, { type: 'conv2d' }>;

export type NetFamily =
  /** Linear layers one after another, with tanh between them or nothing; averaged over positions in the reduce setting. */
  | { kind: 'chain'; activation: 'tanh' | 'none'; layers: LinearSpec[] }
  /** Convolutions with ReLU, global mean pool, one linear layer. */
  | { kind: 'convolution'; convolutions: ConvolutionSpec[]; head: LinearSpec }
  /** Patch embedding, positions, one pre-norm encoder block, norm, mean pool, head. */
  | { kind: 'vit'; heads: number; gelu: 'exact' | 'tanh' };

export type FamilyAnswer = NetFamily | { kind: 'unsupported'; reason: string };

const unsupported = (reason: string): FamilyAnswer => ({ kind: 'unsupported', reason });

export function tellFamily(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers, params } = fixture;
  if (inputs['tokens']) return unsupported('token inputs');
  if (inputs['src']) return unsupported('message passing on graphs');
  if (layers.some(({ R }) => Array.isArray(R)))
    return unsupported('a different number of positions per example');
  const x = inputs['x'];
  if (!x || Object.keys(inputs).length > 1) return unsupported(`inputs ${Object.keys(inputs).join(', ')}`);
  if (layers.some(({ type }) => type === 'conv2d')) return convolutionNet(fixture);
  if (params['pos'] && layers.some(({ name }) => name === 'block.q')) return vit(fixture);
  return chain(fixture);
}

function convolutionNet({ inputs, layers, setting }: NetFixture): FamilyAnswer {
  const convolutions = layers.filter((layer) => layer.type === 'conv2d');
  const [head, ...more] = layers.slice(convolutions.length);
  const inOrder = layers.slice(0, convolutions.length).every(({ type }) => type === 'conv2d');
  if (!inOrder || head?.type !== 'linear' || more.length > 0) {
    return unsupported('convolutions not followed by exactly one linear layer');
  }
  if (setting !== 'reduce' || inputs['x']?.shape.length !== 4)
    return unsupported('convolutions without pooling');
  return { kind: 'convolution', convolutions, head };
}

const vitLayers = ['embed', 'block.q', 'block.k', 'block.v', 'block.o', 'block.fc1', 'block.fc2', 'head'];

function vit({ name, inputs, layers, forward, setting }: NetFixture): FamilyAnswer {
  const heads = forward['attention']?.shape[1];
  if (heads === undefined)
    return unsupported('attention without forward.attention, which gives the number of heads');
  if (inputs['x']?.shape.length !== 4 || setting !== 'reduce')
    return unsupported('attention without images and pooling');
  if (layers.map((layer) => layer.name).join() !== vitLayers.join()) {
    return unsupported(`a transformer other than ${vitLayers.join(', ')}`);
  }
  return { kind: 'vit', heads, gelu: name.includes('gelu_tanh') ? 'tanh' : 'exact' };
}

function chain({ inputs, layers, params, forward }: NetFixture): FamilyAnswer {
  const linear = layers.filter((layer) => layer.type === 'linear');
  const own = new Set(linear.flatMap(({ name }) => [`${name}.weight`, `${name}.bias`]));
  const foreign = Object.keys(params).find((name) => !own.has(name));
  if (foreign !== undefined) return unsupported(`parameter ${foreign} outside the layer table`);
  const next = linear.findIndex(({ d_in }, i) => i > 0 && linear[i - 1]?.d_out !== d_in);
  if (next > 0) return unsupported(`layers that do not follow each other (${linear[next]?.name ?? ''})`);
  if ((inputs['x']?.shape.length ?? 0) < 2) return unsupported('an input without a batch');
  const hidden = Object.keys(forward).find((name) => name.startsWith('hidden_'));
  if (hidden === undefined) return { kind: 'chain', activation: 'none', layers: linear };
  if (hidden === 'hidden_tanh') return { kind: 'chain', activation: 'tanh', layers: linear };
  return unsupported(`the activation of forward.${hidden}`);
}
