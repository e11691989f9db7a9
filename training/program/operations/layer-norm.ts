/** Layer normalisation over the last axis, with gain and shift. */
import { floatBits } from '../../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './layer-norm.wgsl';
import parametersSource from './layer-norm-parameters.wgsl';
import { sumAxes } from './reduce.ts';

interface Attributes {
  eps: number;
}

const operation: Operation<Attributes> = {
  name: 'layer norm',
  gradient(node, [g], needed) {
    const [x, gain] = node.inputs as [Tensor, Tensor, Tensor];
    const statistics = node.outputs[1] as Tensor;
    if (!g) return [];
    const { graph } = g;
    const dx = () =>
      graph.add1(
        inputGradient,
        [g, x, gain, statistics],
        { shape: x.shape, label: 'layer norm' },
        node.attributes,
      );
    if (!needed[1] && !needed[2]) return [needed[0] ? dx() : null];
    const width = lastAxis(x);
    const slices = Math.min(32, Math.ceil(size(x.shape) / width / 32));
    const shape = [slices, width];
    const [gainPart, shiftPart] = graph.add(parameterGradients, [g, x, statistics], {
      attributes: null,
      outputs: [
        { shape, label: 'gain gradient' },
        { shape, label: 'shift gradient' },
      ],
    }) as [Tensor, Tensor];
    return [needed[0] ? dx() : null, sumAxes(gainPart, 0, 0), sumAxes(shiftPart, 0, 0)];
  },
  lower: (node, lowering) => rows(node, lowering, ['x', 'gain', 'shift'], ['y', 'statistics'], false),
};

const inputGradient: Operation<Attributes> = {
  name: 'layer norm gradient',
  lower: (node, lowering) => rows(node, lowering, ['dy', 'x', 'gain', 'statistics'], ['dx'], true),
};

function rows(
  node: Node<Attributes>,
  lowering: Lowering,
  inputs: string[],
  outputs: string[],
  backward: boolean,
) {
  const width = lastAxis(node.inputs[0] as Tensor);
  const quads = width % 4 === 0;
  const count = size((node.inputs[0] as Tensor).shape) / width;
  const unroll = quads && width <= 64 ? width / 4 : 0;
  const type = quads ? 'array<vec4f>' : 'array<f32>';
  const bind = (names: string[], tensors: readonly Tensor[], write: boolean) =>
    names.map((name, i) => ({
      name,
      type: name === 'statistics' ? 'array<f32>' : type,
      region: lowering.region(tensors[i] as Tensor),
      write,
    }));
  return [
    {
      label: node.operation.name,
      code: expandTemplate(source, {
        TYPE: quads ? 'vec4f' : 'f32',
        QUADS: quads,
        UNROLL: unroll,
        BACKWARD: backward,
      }),
      bindings: [...bind(inputs, node.inputs, false), ...bind(outputs, node.outputs, true)],
      params: {
        type: 'Params',
        data: Uint32Array.of(
          count,
          quads ? width / 4 : width,
          floatBits(1 / width),
          floatBits(node.attributes.eps),
        ),
      },
      workgroups: [Math.ceil(count / 16), 1, 1] as [number, number, number],
      flops: 8 * count * width,
    },
  ];
}

const parameterGradients: Operation<null> = {
  name: 'layer norm parameter gradients',
  lower(node, lowering) {
    const [dy, x, statistics] = node.inputs as [Tensor, Tensor, Tensor];
    const [gain, shift] = node.outputs as [Tensor, Tensor];
    const quads = lastAxis(x) % 4 === 0;
    const width = quads ? lastAxis(x) / 4 : lastAxis(x);
    const slices = gain.shape[0] ?? 1;
    const type = quads ? 'array<vec4f>' : 'array<f32>';
    return [
      {
        label: node.operation.name,
        code: expandTemplate(parametersSource, { TYPE: quads ? 'vec4f' : 'f32' }),
        bindings: [
          { name: 'dy', type, region: lowering.region(dy), write: false },
          { name: 'x', type, region: lowering.region(x), write: false },
          { name: 'statistics', type: 'array<f32>', region: lowering.region(statistics), write: false },
          { name: 'gain', type, region: lowering.region(gain), write: true },
          { name: 'shift', type, region: lowering.region(shift), write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(size(x.shape) / lastAxis(x), width, slices) },
        workgroups: [Math.ceil((width * slices) / 64), 1, 1],
        flops: 4 * size(x.shape),
      },
    ];
  },
};

/** y = (x - mean) / sqrt(var + eps) * gain + shift over the last axis. */
export function layerNorm(x: Tensor, gain: Tensor, shift: Tensor, eps = 1e-5): Tensor {
  const rowsShape = [...x.shape.slice(0, -1), 2];
  const [y] = x.graph.add(operation, [x, gain, shift], {
    attributes: { eps },
    outputs: [
      { shape: x.shape, label: 'layer norm' },
      { shape: rowsShape, label: 'layer norm statistics' },
    ],
  });
  return y as Tensor;
}
