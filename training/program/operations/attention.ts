/** Multi-head softmax attention on [N, T, width] queries, keys and values; heads are slices of the last axis. */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import type { Lowering, Node, Operation, Tensor } from '../graph.ts';
import { requireFloats, requireShape } from './shape-rules.ts';
import source from './attention.wgsl';
import keysSource from './attention-keys.wgsl';
import numbersSource from './attention-numbers.wgsl';

interface Attributes {
  heads: number;
  causal: boolean;
}

const operation: Operation<Attributes> = {
  name: 'attention',
  fusedWrites: [0],
  gradient(node, [g]) {
    const [q, k, v] = node.inputs as [Tensor, Tensor, Tensor];
    const [result, logarithms] = node.outputs as [Tensor, Tensor];
    if (!g) return [];
    const { graph } = g;
    const [dq, means] = graph.add(queryGradient, [g, q, k, v, logarithms, result], {
      attributes: node.attributes,
      outputs: [
        { shape: q.shape, label: 'query gradient' },
        { shape: logarithms.shape, label: 'attention gradient means' },
      ],
    }) as [Tensor, Tensor];
    const [dk, dv] = graph.add(keyGradient, [g, q, k, v, logarithms, means], {
      attributes: node.attributes,
      outputs: [
        { shape: k.shape, label: 'key gradient' },
        { shape: v.shape, label: 'value gradient' },
      ],
    }) as [Tensor, Tensor];
    return [dq, dk, dv];
  },
  lower: (node, lowering) =>
    launch(node, lowering, source, {
      backward: false,
      products: 3,
      inputs: ['q', 'k', 'v'],
      shared: ['k', 'v'],
      outputs: ['result', 'logarithms'],
    }),
};

const queryGradient: Operation<Attributes> = {
  name: 'attention query gradient',
  lower: (node, lowering) =>
    launch(node, lowering, source, {
      backward: true,
      products: 3,
      inputs: ['dout', 'q', 'k', 'v', 'logarithms', 'result'],
      shared: ['k', 'v'],
      outputs: ['dq', 'means'],
    }),
};

const keyGradient: Operation<Attributes> = {
  name: 'attention key gradient',
  lower: (node, lowering) =>
    launch(node, lowering, keysSource, {
      backward: true,
      products: 4,
      inputs: ['dout', 'q', 'k', 'v', 'logarithms', 'means'],
      shared: ['q', 'dout'],
      outputs: ['dk', 'dv'],
    }),
};

interface Launch {
  backward: boolean;
  /** Multiply-adds per query, key and feature. */
  products: number;
  /** Names in the kernel of the node's inputs and outputs. */
  inputs: string[];
  outputs: string[];
  /** Inputs of which every query, or key, of a head reads all rows. */
  shared: string[];
}

function launch(
  node: Node<Attributes>,
  lowering: Lowering,
  template: string,
  { backward, products, inputs, outputs, shared }: Launch,
): Dispatch[] {
  const [n, length, width] = (node.inputs[0] as Tensor).shape as [number, number, number];
  const { heads, causal } = node.attributes;
  const headWidth = width / heads;
  const quads = headWidth % 4 === 0;
  const unit = quads ? 4 : 1;
  // Registers and the kernel's text grow with both.
  const tile =
    lowering.gpu.adapterClass === 'software'
      ? Math.max(1, Math.min(2, Math.floor((8 * unit) / headWidth)))
      : 1;
  // Memory cannot be bound both as vec4s and as numbers: one tensor in two roles is read in vec4s.
  const once = new Set(node.inputs.map((tensor) => lowering.region(tensor))).size === node.inputs.length;
  const lanes = quads && once && lowering.gpu.fourLaneSubgroups;
  const tiles = lanes ? Math.ceil(length / (4 * tile)) * 4 : Math.ceil(length / tile);
  const single = new Set(['logarithms', 'means', ...(lanes ? shared : [])]);
  const bind = (names: string[], tensors: readonly Tensor[], write: boolean) =>
    names.flatMap((name, i) => {
      if (write && name === 'result') return [];
      const type = single.has(name) || !quads ? 'array<f32>' : 'array<vec4f>';
      return [{ name, type, region: lowering.region(tensors[i] as Tensor), write }];
    });
  const written = outputs[0] === 'result' ? lowering.writer('result', node.outputs[0] as Tensor, unit) : null;
  const code = expandTemplate([numbersSource, template].join('\n'), {
    TYPE: quads ? 'vec4f' : 'f32',
    QUADS: quads,
    LANES: lanes,
    WIDTH: headWidth / unit,
    CAUSAL: causal,
    BACKWARD: backward,
    // The forward pass needs the largest score before it can take exponentials.
    PASSES: backward ? 1 : 2,
    TILE: tile,
  });
  return [
    {
      label: node.operation.name,
      code: [written?.code ?? '', code].join('\n'),
      bindings: [
        ...bind(inputs, node.inputs, false),
        ...bind(outputs, node.outputs, true),
        ...(written?.bindings ?? []),
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(n, length, heads, width / unit, floatBits(1 / Math.sqrt(headWidth))),
      },
      workgroups: [Math.ceil((n * heads * tiles) / 32), 1, 1],
      flops: products * 2 * n * length * length * width,
    },
  ];
}

/** softmax(q k^T / sqrt(width / heads)) v per head; `causal` hides later keys. */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number, causal = false): Tensor {
  requireFloats('attention', { queries: q, keys: k, values: v });
  requireShape('attention', 'queries', q, ['examples', 'positions', 'width']);
  requireShape('attention', 'keys', k, q.shape);
  requireShape('attention', 'values', v, q.shape);
  const [n, length, width] = q.shape as [number, number, number];
  if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0) {
    throw new KronlabError('invalid', `attention: ${heads} heads do not divide a width of ${width}`);
  }
  const [result] = q.graph.add(operation, [q, k, v], {
    attributes: { heads, causal },
    outputs: [
      { shape: q.shape, label: 'attention' },
      { shape: [n, heads, length], label: 'attention logarithms' },
    ],
  });
  return result as Tensor;
}
