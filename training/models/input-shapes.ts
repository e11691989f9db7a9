/** What a model reads when there is no batch yet: the shapes alone, enough to declare parameters and layers. */
import { Region } from '../../gpu-kernels/region.ts';
import { size, type ElementType, type Graph } from '../program/graph.ts';
import type { ModelInputs } from './inputs.ts';

/** The sizes of one example. Of graphs `nodes` and `edges` are those of an average one. */
export type InputShape =
  | { kind: 'images'; channels: number; height: number; width: number }
  | { kind: 'table'; columns: number }
  | { kind: 'text'; length: number; vocabulary: number }
  | { kind: 'graphs'; nodeWidth: number; edgeWidth: number; nodes: number; edges: number };

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
