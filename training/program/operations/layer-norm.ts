/** Layer normalisation over the last axis, with gain and shift. */
import { floatBits } from '../../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './layer-norm.wgsl';
import parametersSource from './layer-norm-parameters.wgsl';
import { requireAxes, requireShape } from './shape-rules.ts';

interface Attributes {
  eps: number;
}

const operation: Operation<Attributes> = {
  name: 'layer norm',
  fusedReads: [0],
  fusedWrites: [0],
  cheap: () => [0, 1],
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
    const parts = graph.add1(
      parameterParts,
      [g, x, statistics],
      { shape: [slices, 2, width], label: 'layer norm parts' },
      null,
    );
    const [dGain, dShift] = graph.add(parameterGradients, [parts], {
      attributes: null,
      outputs: [
        { shape: [width], label: 'gain gradient' },
        { shape: [width], label: 'shift gradient' },
      ],
    });
    return [needed[0] ? dx() : null, dGain ?? null, dShift ?? null];
  },
  lower: (node, lowering) => rows(node, lowering, ['x', 'gain', 'shift'], ['y', 'statistics'], false),
};

const inputGradient: Operation<Attributes> = {
  name: 'layer norm gradient',
  fusedReads: [0],
  fusedWrites: [0],
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
  const whole = width % 4 === 0;
  const lanes = whole && lowering.gpu.fourLaneSubgroups;
  const quads = whole && !lanes;
  const count = size((node.inputs[0] as Tensor).shape) / width;
  const unroll = whole && width <= 64 ? width / 4 : 0;
  const unit = quads ? 4 : 1;
  const type = quads ? 'array<vec4f>' : 'array<f32>';
  const bind = (names: string[], tensors: readonly Tensor[], write: boolean) =>
    names.flatMap((name, i) =>
      perElement.has(name)
        ? []
        : [
            {
              name,
              type: name === 'statistics' ? 'array<f32>' : type,
              region: lowering.region(tensors[i] as Tensor),
              write,
            },
          ],
    );
  const accesses = [
    ...inputs.flatMap((name, i) =>
      perElement.has(name) ? [lowering.reader(name, node.inputs[i] as Tensor, unit)] : [],
    ),
    ...outputs.flatMap((name, i) =>
      perElement.has(name) ? [lowering.writer(name, node.outputs[i] as Tensor, unit)] : [],
    ),
  ];
  const code = expandTemplate(source, {
    TYPE: quads ? 'vec4f' : 'f32',
    QUADS: quads,
    LANES: lanes,
    STEP: lanes ? 4 : 1,
    UNROLL: unroll,
    BACKWARD: backward,
  });
  return [
    {
      label: node.operation.name,
      code: [...accesses.map((access) => access.code), code].join('\n'),
      bindings: [
        ...accesses.flatMap((access) => access.bindings),
        ...bind(inputs, node.inputs, false),
        ...bind(outputs, node.outputs, true),
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(
          count,
          quads ? width / 4 : width,
          floatBits(1 / width),
          floatBits(node.attributes.eps),
        ),
      },
      workgroups: [Math.ceil((lanes ? 4 * count : count) / 16), 1, 1] as [number, number, number],
      flops: 8 * count * width,
    },
  ];
}

/** What is read and written element by element, through the compiler's functions. */
const perElement = new Set(['x', 'y', 'dy', 'dx']);

const parameterParts: Operation<null> = {
  name: 'layer norm parameter parts',
  fusedReads: [0, 1],
  lower(node, lowering) {
    const [dy, x, statistics] = node.inputs as [Tensor, Tensor, Tensor];
    const parts = node.outputs[0] as Tensor;
    const quads = lastAxis(x) % 4 === 0 && !lowering.gpu.fourLaneSubgroups;
    const width = quads ? lastAxis(x) / 4 : lastAxis(x);
    const slices = parts.shape[0] ?? 1;
    const type = quads ? 'array<vec4f>' : 'array<f32>';
    const unit = quads ? 4 : 1;
    const readers = [lowering.reader('dy', dy, unit), lowering.reader('x', x, unit)];
    const code = expandTemplate(parametersSource, { TYPE: quads ? 'vec4f' : 'f32', SUM: false });
    return [
      {
        label: node.operation.name,
        code: [...readers.map((reader) => reader.code), code].join('\n'),
        bindings: [
          ...readers.flatMap((reader) => reader.bindings),
          { name: 'statistics', type: 'array<f32>', region: lowering.region(statistics), write: false },
          { name: 'parts', type, region: lowering.region(parts), write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(size(x.shape) / lastAxis(x), width, slices) },
        workgroups: [Math.ceil((width * slices) / 64), 1, 1],
        flops: 4 * size(x.shape),
      },
    ];
  },
};

const parameterGradients: Operation<null> = {
  name: 'layer norm parameter gradients',
  lower(node, lowering) {
    const parts = node.inputs[0] as Tensor;
    const [slices = 1] = parts.shape;
    const quads = lastAxis(parts) % 4 === 0;
    const width = quads ? lastAxis(parts) / 4 : lastAxis(parts);
    const type = quads ? 'array<vec4f>' : 'array<f32>';
    const names = ['gain', 'shift'];
    return [
      {
        label: node.operation.name,
        code: expandTemplate(parametersSource, { TYPE: quads ? 'vec4f' : 'f32', SUM: true }),
        bindings: [
          { name: 'parts', type, region: lowering.region(parts), write: false },
          ...names.map((name, i) => ({
            name,
            type,
            region: lowering.region(node.outputs[i] as Tensor),
            write: true,
          })),
        ],
        params: { type: 'Params', data: Uint32Array.of(0, width, slices) },
        workgroups: [Math.ceil((2 * width) / 64), 1, 1],
        flops: size(parts.shape),
      },
    ];
  },
};

/** y = (x - mean) / sqrt(var + eps) * gain + shift over the last axis. */
export function layerNorm(x: Tensor, gain: Tensor, shift: Tensor, eps = 1e-5): Tensor {
  requireAxes('layer norm', 'input', x);
  requireShape('layer norm', 'gain', gain, [lastAxis(x)]);
  requireShape('layer norm', 'shift', shift, [lastAxis(x)]);
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
