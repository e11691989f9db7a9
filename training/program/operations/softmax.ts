/**
 * Softmax and log-softmax over the last axis, with masks: what attention is made of where the fused operation of
 * `attention.ts` does not reach (other score functions, biases on the scores, masks by example).
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Access, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { broadcastIndex } from '../fusion/broadcast.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import gradientSource from './softmax-gradient.wgsl';
import source from './softmax.wgsl';
import { sumTo } from './reduce.ts';

export interface SoftmaxOptions {
  /** Row q of the last two axes [queries, keys] sees the columns 0 to q only. */
  causal?: boolean;
  /**
   * Of x's last axis; other axes broadcast to x by NumPy's rule. f32 is added to x (and gets a gradient: a learned bias
   * on scores), u32 hides where it is 0.
   */
  mask?: Tensor;
}

interface Attributes {
  causal: boolean;
  isLog: boolean;
}

const gradient: Operation<Attributes>['gradient'] = (node, [g]) => {
  const [x, mask] = node.inputs as [Tensor, Tensor | undefined];
  if (!g) return [];
  const output = { shape: x.shape, label: `${node.operation.name} gradient` };
  const dx = g.graph.add1(gradientOperation, [g, node.outputs[0] as Tensor], output, node.attributes);
  return [dx, mask?.type === 'f32' ? sumTo(dx, mask.shape) : null];
};

/** The kernel keeps exponentials in its result until their sum is known, so nothing can move into that write. */
const softmaxOperation: Operation<Attributes> = {
  name: 'softmax',
  fusedReads: [0, 1],
  gradient,
  lower: (node, lowering) => launch(node, lowering),
};

const logSoftmaxOperation: Operation<Attributes> = {
  name: 'log-softmax',
  fusedReads: [0],
  fusedWrites: [0],
  gradient,
  lower: (node, lowering) => launch(node, lowering),
};

function launch(node: Node<Attributes>, lowering: Lowering): Dispatch[] {
  const [x, mask] = node.inputs as [Tensor, Tensor | undefined];
  const y = node.outputs[0] as Tensor;
  const { causal, isLog } = node.attributes;
  const { rows, width, unit, quads, grid } = rowsOf(x);
  const type = quads ? 'vec4f' : 'f32';
  const access = [
    lowering.reader('x', x, unit),
    ...(mask ? [lowering.reader('mask', mask, unit)] : []),
    isLog ? lowering.writer('y', y, unit) : inMemory('y', lowering.region(y), type),
  ];
  const template = expandTemplate(source, {
    TYPE: type,
    BOOLS: quads ? 'vec4<bool>' : 'bool',
    MASK_TYPE: quads ? 'vec4u' : 'u32',
    QUADS: quads,
    LOG: isLog,
    CAUSAL: causal,
    MASKED: mask !== undefined,
    KEEP: mask?.type === 'u32',
    MASK_ROW: mask ? maskRow(x, mask) : '0u',
    ROW: grid.row,
  });
  return [
    {
      label: node.operation.name,
      code: [...access.map(({ code }) => code), template].join('\n'),
      bindings: access.flatMap(({ bindings }) => bindings),
      params: { type: 'Params', data: Uint32Array.of(rows, width, x.shape.at(-2) ?? 1) },
      workgroups: grid.workgroups,
      flops: 5 * size(x.shape),
    },
  ];
}

const gradientOperation: Operation<Attributes> = {
  name: 'softmax gradient',
  fusedReads: [0, 1],
  fusedWrites: [0],
  lower(node, lowering) {
    const [g, y] = node.inputs as [Tensor, Tensor];
    const { rows, width, unit, quads, grid } = rowsOf(y);
    const access = [
      lowering.reader('g', g, unit),
      lowering.reader('y', y, unit),
      lowering.writer('dx', node.outputs[0] as Tensor, unit),
    ];
    const values = {
      TYPE: quads ? 'vec4f' : 'f32',
      QUADS: quads,
      LOG: node.attributes.isLog,
      ROW: grid.row,
    };
    return [
      {
        label: node.operation.name,
        code: [...access.map(({ code }) => code), expandTemplate(gradientSource, values)].join('\n'),
        bindings: access.flatMap(({ bindings }) => bindings),
        params: { type: 'Params', data: Uint32Array.of(rows, width) },
        workgroups: grid.workgroups,
        flops: 4 * size(y.shape),
      },
    ];
  },
};

function rowsOf(x: Tensor) {
  const quads = lastAxis(x) % 4 === 0;
  const unit = quads ? (4 as const) : (1 as const);
  const rows = size(x.shape) / lastAxis(x);
  return { rows, width: lastAxis(x) / unit, unit, quads, grid: linearGrid(rows, 32) };
}

function inMemory(name: string, region: Region, type: string): Access {
  return { code: '', bindings: [{ name, type: `array<${type}>`, region, write: true }] };
}

/** WGSL for the row of the mask that meets `row` of x. */
function maskRow(x: Tensor, mask: Tensor): string {
  return broadcastIndex(x.shape.slice(0, -1), mask.shape.slice(0, -1), 1).replace(/\bi\b/g, 'row');
}

/**
 * exp(x) / sum exp(x) over the last axis. A row that a u32 mask hides entirely, or that an f32 mask sets to -infinity,
 * is zeros and has no gradient.
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  const { causal = false, mask } = options;
  if (causal && x.shape.length < 2) {
    throw new KronlabError('internal', 'softmax: a causal mask needs two axes, queries and keys');
  }
  if (mask) requireMask(x, mask);
  const inputs = mask ? [x, mask] : [x];
  const output = { shape: x.shape, label: 'softmax' };
  return x.graph.add1(softmaxOperation, inputs, output, { causal, isLog: false });
}

/** x - log sum exp(x) over the last axis. */
export function logSoftmax(x: Tensor): Tensor {
  const attributes = { causal: false, isLog: true };
  return x.graph.add1(logSoftmaxOperation, [x], { shape: x.shape, label: 'log-softmax' }, attributes);
}

function requireMask(x: Tensor, mask: Tensor): void {
  const fits = mask.shape.every((dim, i) => {
    const target = x.shape[x.shape.length - mask.shape.length + i];
    return dim === target || (dim === 1 && i < mask.shape.length - 1);
  });
  if (fits && mask.shape.length > 0 && mask.shape.length <= x.shape.length) return;
  throw new KronlabError(
    'internal',
    `softmax: a mask of shape [${mask.shape.join(', ')}] does not broadcast to [${x.shape.join(', ')}] along its last axis`,
  );
}
