/** The sizes of one example, by the kind of its data; of graphs `nodes` and `edges` are those of an average one. */
export type InputShape =
  | { kind: 'images'; channels: number; height: number; width: number }
  | { kind: 'table'; columns: number }
  | { kind: 'text'; length: number; vocabulary: number }
  | { kind: 'graphs'; nodeWidth: number; edgeWidth: number; nodes: number; edges: number };
