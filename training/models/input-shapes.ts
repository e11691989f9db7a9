/** What a model reads when there is no batch yet: the shapes alone, enough to declare parameters and layers. */
import type { InputShape } from '../../contract/input-shape.ts';
import { Region } from '../../gpu-kernels/region.ts';
import { size, type ElementType, type Graph } from '../program/graph.ts';
import type { ModelInputs } from './inputs.ts';

export type { InputShape };

/** A batch of so many examples whose tensors have no memory: for tracing a model, not for running it. */
export function symbolicInputs(graph: Graph, shape: InputShape, examples = 1): ModelInputs {
  const leaf = (label: string, dims: readonly number[], type: ElementType = 'f32') =>
    graph.leaf(label, dims, new Region(label, size(dims) * 4), type);
  switch (shape.kind) {
    case 'images': {
      const { channels, height, width } = shape;
      return { kind: 'images', images: leaf('images', [examples, channels, height, width]) };
    }
    case 'table':
      return { kind: 'table', rows: leaf('rows', [examples, shape.columns]) };
    case 'text': {
      const { length, vocabulary } = shape;
      return { kind: 'text', tokens: leaf('tokens', [examples, length], 'u32'), vocabulary };
    }
    case 'graphs': {
      const [nodes, edges] = [Math.ceil(examples * shape.nodes), Math.ceil(examples * shape.edges)];
      return {
        kind: 'graphs',
        nodes: leaf('nodes', [nodes, shape.nodeWidth]),
        edges: leaf('edges', [edges, shape.edgeWidth]),
        senders: leaf('senders', [edges], 'u32'),
        receivers: leaf('receivers', [edges], 'u32'),
        nodeOffsets: leaf('node offsets', [examples + 1], 'u32'),
        edgeOffsets: leaf('edge offsets', [examples + 1], 'u32'),
      };
    }
    default:
      return shape satisfies never;
  }
}
