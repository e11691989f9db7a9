/** From what is known of a data set to what a model wants to know: for a look at its layers before anything is read. */
import type { InputShape } from '../../contract/input-shape.ts';
import type { DatasetShape } from '../../datasets/dataset.ts';

/** What a model reads of a data set of this shape; its graphs are counted as ones of one node and one edge. */
export function inputShapeOf({ kind, example, outputs }: DatasetShape): InputShape {
  const [first = 1, second = 1, third = 1] = example;
  switch (kind) {
    case 'images':
      return { kind, channels: first, height: second, width: third };
    case 'table':
      return { kind, columns: first };
    case 'text':
      return { kind, length: first, vocabulary: outputs };
    case 'graphs':
      return { kind, nodeWidth: first, edgeWidth: second, nodes: 1, edges: 1 };
    default:
      return kind satisfies never;
  }
}
