/**
 * Which net a fixture describes. The files carry no key for it: it is told from the inputs, the layer table and the
 * numbers, and whatever is not recognised for certain is answered as not supported rather than guessed. What a file is
 * called says nothing.
 */
import type { LayerSpec, NetFixture } from '../../goldens/fixture.ts';
import { activationBetween, activations, type Activation } from './activations.ts';

export type LinearSpec = Extract<LayerSpec, { type: 'linear' }>;
export type ConvolutionSpec = Extract<LayerSpec, { type: 'conv2d' }>;

export type NetFamily =
  /**
   * Linear layers one after another, each but the last followed by a function; averaged over positions in the reduce
   * setting. `ragged`: on the nodes of graphs of different sizes.
   */
  | { kind: 'chain'; activations: Activation[]; layers: LinearSpec[]; ragged: boolean }
  /** Convolutions with ReLU, global mean pool, one linear layer. */
  | { kind: 'convolution'; convolutions: ConvolutionSpec[]; head: LinearSpec }
  /** Patch embedding, positions, one pre-norm encoder block, norm, mean pool, head. */
  | { kind: 'vit'; heads: number; activation: Activation }
  /** Tokens and positions, one causal pre-norm block, norm, head at every position. */
  | { kind: 'language'; heads: number; activation: Activation }
  /** One round of message passing between the nodes of graphs, mean over the nodes of each, head. */
  | { kind: 'graph' };

export type FamilyAnswer = NetFamily | { kind: 'unsupported'; reason: string };

const unsupported = (reason: string): FamilyAnswer => ({ kind: 'unsupported', reason });

export function tellFamily(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers, params } = fixture;
  if (inputs['tokens']) return language(fixture);
  if (inputs['src']) return graph(fixture);
  if (layers.some(({ R }) => Array.isArray(R))) return raggedChain(fixture);
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

const blockLayers = ['block.q', 'block.k', 'block.v', 'block.o', 'block.fc1', 'block.fc2', 'head'];
const vitLayers = ['embed', ...blockLayers];

/** What a block's MLP has between its two layers. */
function blockActivation(fixture: NetFixture): Activation | null {
  const [fc1, fc2] = ['block.fc1', 'block.fc2'].map((name) =>
    fixture.layers.find((layer) => layer.name === name),
  );
  return fc1 && fc2 ? activationBetween(fixture, fc1, fc2) : null;
}

const strangeActivation = (before: string, after: string): FamilyAnswer =>
  unsupported(`a function between ${before} and ${after} that is none of ${activations.join(', ')}`);

function language(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers, forward, params, setting } = fixture;
  const heads = forward['attention']?.shape[1];
  if (heads === undefined)
    return unsupported('attention without forward.attention, which gives the number of heads');
  if (Object.keys(inputs).length > 1 || !params['tok'] || !params['pos'])
    return unsupported('tokens without the parameters tok and pos, or with other inputs');
  if (setting !== 'expand') return unsupported('tokens with pooling');
  if (layers.map((layer) => layer.name).join() !== blockLayers.join())
    return unsupported(`a transformer other than ${blockLayers.join(', ')}`);
  const activation = blockActivation(fixture);
  return activation === null
    ? strangeActivation('block.fc1', 'block.fc2')
    : { kind: 'language', heads, activation };
}

const graphLayers = ['node_enc', 'edge_enc', 'msg', 'node_upd', 'head'];

function graph({ inputs, layers, setting }: NetFixture): FamilyAnswer {
  const missing = ['x', 'e', 'src', 'dst', 'node_graph', 'edge_graph', 'n_node', 'n_edge'].find(
    (name) => !inputs[name],
  );
  if (missing !== undefined) return unsupported(`message passing without inputs.${missing}`);
  if (layers.map((layer) => layer.name).join() !== graphLayers.join() || setting !== 'reduce')
    return unsupported(`message passing other than ${graphLayers.join(', ')} with pooling`);
  if (!liesTogether(inputs, 'node') || !liesTogether(inputs, 'edge')) return scattered;
  return { kind: 'graph' };
}

const scattered = unsupported('graphs whose nodes or edges do not lie together');

/** Whether the rows of each graph are one after another, in the order of the graphs. */
function liesTogether(inputs: NetFixture['inputs'], part: 'node' | 'edge'): boolean {
  const counts = inputs[`n_${part}`]?.data ?? [];
  const expected = Array.from(counts).flatMap((n, i) => new Array<number>(n).fill(i));
  return expected.join() === Array.from(inputs[`${part}_graph`]?.data ?? []).join();
}

function raggedChain(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers } = fixture;
  const known = ['x', 'node_graph', 'n_node'];
  const foreign = Object.keys(inputs).find((name) => !known.includes(name));
  if (foreign !== undefined || !inputs['x'] || !inputs['n_node'] || !inputs['node_graph'])
    return unsupported(`rows of different examples with inputs ${Object.keys(inputs).join(', ')}`);
  if (layers.some(({ type }) => type !== 'linear')) return unsupported('convolutions on ragged rows');
  const nodes = Array.from(inputs['n_node'].data).join();
  if (layers.some(({ R }) => !Array.isArray(R) || R.join() !== nodes))
    return unsupported('layers whose R is not inputs.n_node');
  if (!liesTogether(inputs, 'node')) return scattered;
  const answer = chain(fixture);
  return answer.kind === 'chain' ? { ...answer, ragged: true } : answer;
}

function vit(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers, forward, setting } = fixture;
  const heads = forward['attention']?.shape[1];
  if (heads === undefined)
    return unsupported('attention without forward.attention, which gives the number of heads');
  if (inputs['x']?.shape.length !== 4 || setting !== 'reduce')
    return unsupported('attention without images and pooling');
  if (layers.map((layer) => layer.name).join() !== vitLayers.join()) {
    return unsupported(`a transformer other than ${vitLayers.join(', ')}`);
  }
  const activation = blockActivation(fixture);
  return activation === null
    ? strangeActivation('block.fc1', 'block.fc2')
    : { kind: 'vit', heads, activation };
}

function chain(fixture: NetFixture): FamilyAnswer {
  const { inputs, layers, params } = fixture;
  const linear = layers.filter((layer) => layer.type === 'linear');
  const own = new Set(linear.flatMap(({ name }) => [`${name}.weight`, `${name}.bias`]));
  const foreign = Object.keys(params).find((name) => !own.has(name));
  if (foreign !== undefined) return unsupported(`parameter ${foreign} outside the layer table`);
  const next = linear.findIndex(({ d_in }, i) => i > 0 && linear[i - 1]?.d_out !== d_in);
  if (next > 0) return unsupported(`layers that do not follow each other (${linear[next]?.name ?? ''})`);
  if ((inputs['x']?.shape.length ?? 0) < 2) return unsupported('an input without a batch');
  const between = linear.slice(1).map((layer, i) => {
    const before = linear[i] ?? layer;
    return { activation: activationBetween(fixture, before, layer), before, layer };
  });
  const strange = between.find(({ activation }) => activation === null);
  if (strange) return strangeActivation(strange.before.name, strange.layer.name);
  const known = between.flatMap(({ activation }) => (activation === null ? [] : [activation]));
  return { kind: 'chain', activations: known, layers: linear, ragged: false };
}
