/** Multi-head softmax attention on [N, T, width] queries, keys and values; heads are slices of the last axis. */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import type { Lowering, Node, Operation, Tensor } from '../graph.ts';
import source from './attention.wgsl';
import keysSource from './attention-keys.wgsl';

interface Attributes {
  heads: number;
  causal: boolean;
}

const operation: Operation<Attributes> = {
  name: 'attention',
  fusedWrites: [0],
  gradient(node, [g]) {
    const [q, k, v] = node.inputs as [Tensor, Tensor, Tensor];
    const [result, probabilities] = node.outputs as [Tensor, Tensor];
    if (!g) return [];
    const { graph } = g;
    const [dq, dscores] = graph.add(queryGradient, [g, k, v, probabilities, result], {
      attributes: node.attributes,
      outputs: [
        { shape: q.shape, label: 'query gradient' },
        { shape: probabilities.shape, label: 'score gradient' },
      ],
    }) as [Tensor, Tensor];
    const [dk, dv] = graph.add(keyGradient, [q, g, probabilities, dscores], {
      attributes: node.attributes,
      outputs: [
        { shape: k.shape, label: 'key gradient' },
        { shape: v.shape, label: 'value gradient' },
      ],
    }) as [Tensor, Tensor];
    return [dq, dk, dv];
  },
  lower: (node, lowering) =>
    launch(node, lowering, source, false, ['q', 'k', 'v'], ['result', 'probabilities']),
};

const queryGradient: Operation<Attributes> = {
  name: 'attention query gradient',
  lower: (node, lowering) =>
    launch(node, lowering, source, true, ['dout', 'k', 'v', 'probabilities', 'result'], ['dq', 'dscores']),
};

const keyGradient: Operation<Attributes> = {
  name: 'attention key gradient',
  lower: (node, lowering) =>
    launch(node, lowering, keysSource, true, ['q', 'dout', 'probabilities', 'dscores'], ['dk', 'dv']),
};

function launch(
  node: Node<Attributes>,
  lowering: Lowering,
  template: string,
  backward: boolean,
  inputs: string[],
  outputs: string[],
): Dispatch[] {
  const [n, length, width] = (node.inputs[0] as Tensor).shape as [number, number, number];
  const { heads, causal } = node.attributes;
  const headWidth = width / heads;
  const quads = headWidth % 4 === 0;
  const unit = quads ? 4 : 1;
  const tile = lowering.gpu.adapterClass === 'software' ? 4 : 1;
  const perPosition = new Set(['probabilities', 'dscores']);
  const bind = (names: string[], tensors: readonly Tensor[], write: boolean) =>
    names.flatMap((name, i) => {
      if (write && name === 'result') return [];
      const type = perPosition.has(name) || !quads ? 'array<f32>' : 'array<vec4f>';
      return [{ name, type, region: lowering.region(tensors[i] as Tensor), write }];
    });
  const written = outputs[0] === 'result' ? lowering.writer('result', node.outputs[0] as Tensor, unit) : null;
  const code = expandTemplate(template, {
    TYPE: quads ? 'vec4f' : 'f32',
    QUADS: quads,
    WIDTH: headWidth / unit,
    CAUSAL: causal,
    BACKWARD: backward,
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
      workgroups: [Math.ceil((n * heads * Math.ceil(length / tile)) / 32), 1, 1],
      flops: 4 * n * length * length * width,
    },
  ];
}

/** softmax(q k^T / sqrt(width / heads)) v per head; `causal` hides later keys. */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number, causal = false): Tensor {
  const [n, length, width] = q.shape as [number, number, number];
  if (width % heads !== 0)
    throw new KronlabError('invalid', `${heads} heads do not divide a width of ${width}`);
  const [result] = q.graph.add(operation, [q, k, v], {
    attributes: { heads, causal },
    outputs: [
      { shape: q.shape, label: 'attention' },
      { shape: [n, heads, length, length], label: 'attention probabilities' },
    ],
  });
  return result as Tensor;
}
