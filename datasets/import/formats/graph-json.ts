/**
 * Graphs in node-link JSON, as NetworkX and D3 write it: `{ "nodes": [{ "id": .. }], "links": [{ "source": ..,
 * "target": .. }] }`, a list of such objects or one on every line. Numbers and lists of numbers of nodes and links are
 * features; the property to predict stands beside `nodes` or in `graph`.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import type { ByteSource } from '../byte-source.ts';
import { openStream } from '../byte-stream.ts';
import type { Cell } from '../columns.ts';
import { bothDirections, GraphBuilder, type Graph, type GraphOptions } from '../graphs.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { jsonItems } from '../json-list.ts';
import { chooseTargets } from '../targets.ts';
import { textLines, textPieces } from '../text-stream.ts';

type Item = Readonly<Record<string, unknown>>;

interface NodeLink {
  directed: boolean;
  nodes: readonly Item[];
  links: readonly Item[];
  /** Properties of the graph, in NetworkX's place for them. */
  graph: Item;
}

const remedy =
  'write node-link JSON, { "nodes": [..], "links": [..] }; a table of objects is read as JSON lines (json-lines), one a line';

const nodeIds = ['id', 'key'];
const linkEnds = ['source', 'target', 'key', 'id'];

/** Reads graphs. Those that cannot be read are left out and reported, but for the first. Throws `KronlabError`. */
export async function readGraphJson(
  source: ByteSource,
  options: GraphOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const file = source.name;
  let builder: GraphBuilder | null = null;
  let columns: { nodes: string[]; edges: string[] } = { nodes: [], edges: [] };
  let targets: string[] = [];
  for await (const some of documents(source, context)) {
    for (const { value, row } of some) {
      const found = nodeLinkOf(value, context.limits.graph);
      if (builder === null) {
        if (typeof found === 'string') throw fault(file, `graph ${row}`, found, remedy);
        const properties = propertiesOf(value, found);
        targets = chooseTargets(file, [...properties.keys()], options.target, false);
        columns = {
          nodes: featureNames(found.nodes, nodeIds),
          edges: featureNames(found.links, linkEnds),
        };
        checkLimit(file, `graph ${row}`, columns.nodes.length, context.limits.columns, 'features of a node');
        checkLimit(file, `graph ${row}`, columns.edges.length, context.limits.columns, 'features of a link');
        const named = { ...columns, nodes: columns.nodes.length === 0 ? ['one'] : columns.nodes };
        builder = new GraphBuilder(
          file,
          { properties: [...properties.keys()], targets },
          named,
          options.task,
          context,
        );
      }
      if (typeof found === 'string') {
        builder.skip(found, row);
        continue;
      }
      const graph = graphOf(found, columns);
      if (typeof graph === 'string') {
        builder.skip(graph, row);
        continue;
      }
      const properties = propertiesOf(value, found);
      builder.add(
        graph,
        targets.map((target) => properties.get(target) ?? null),
        row,
      );
    }
  }
  if (builder === null) throw fault(file, null, 'holds no graphs', 'choose a file with at least one');
  return builder.finish(name);
}

interface Document {
  /** Undefined where it is no JSON. */
  value: unknown;
  row: number;
}

/** The graphs of a list, of lines, or the one of a file, some at a time. */
async function* documents(source: ByteSource, context: ImportContext): AsyncGenerator<Document[]> {
  const first = parse(await firstLine(source, context));
  if (isObject(first)) {
    for await (const { line, number } of textLines(await openStream(source, context), context.limits)) {
      if (line.trim() !== '') yield [{ value: parse(line), row: number }];
    }
    return;
  }
  let row = 0;
  const pieces = textPieces(await openStream(source, context));
  for await (const items of jsonItems(pieces, source.name, context.limits))
    yield items.map((item) => ({ value: parse(item), row: (row += 1) }));
}

/** The first line where it is short enough to be one graph of many. */
async function firstLine(source: ByteSource, context: ImportContext): Promise<string> {
  const reader = textLines(
    await openStream(source, { ...context, onProgress: () => undefined }),
    context.limits,
  );
  try {
    const first = await reader.next();
    return first.done === true ? '' : first.value.line;
  } catch (error) {
    context.signal?.throwIfAborted();
    // A line that is too long, or no text at all: the whole document is tried, and says what is wrong.
    return error instanceof Error ? '' : String(error);
  } finally {
    await reader.return(undefined);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The parts of a graph, or why it is none. */
function nodeLinkOf(value: unknown, most: number): NodeLink | string {
  if (value === undefined) return 'is no JSON';
  if (!isObject(value)) return 'is no object with nodes and links';
  const { directed = false, nodes, graph = {} } = value;
  const links = value['links'] ?? value['edges'] ?? [];
  if (typeof directed !== 'boolean') return '"directed" is neither true nor false';
  if (!Array.isArray(nodes)) return 'has no list "nodes"';
  if (!Array.isArray(links)) return 'its links are no list';
  if (nodes.length > most || links.length > most) return `has more than ${most} nodes or links`;
  if (!nodes.every(isObject)) return 'has a node that is no object';
  if (!links.every(isObject)) return 'has a link that is no object';
  if (!isObject(graph)) return '"graph" is no object of properties';
  return { directed, nodes, links, graph };
}

/** What could be predicted: plain values beside the nodes and in `graph`. */
function propertiesOf(value: unknown, { graph }: NodeLink): Map<string, Cell> {
  const properties = new Map<string, Cell>();
  const own = Object.entries(value as object).filter(
    ([name]) => name !== 'directed' && name !== 'multigraph',
  );
  for (const [name, property] of [...own, ...Object.entries(graph)]) {
    if (typeof property === 'number' || typeof property === 'string') properties.set(name, property);
    else if (typeof property === 'boolean') properties.set(name, String(property));
  }
  return properties;
}

/** Names of the features of the first: numbers by their name, lists of numbers numbered. */
function featureNames(items: readonly Item[], without: readonly string[]): string[] {
  return Object.entries(items[0] ?? {}).flatMap(([name, value]) => {
    if (without.includes(name)) return [];
    if (typeof value === 'number') return [name];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) return [];
    return value.map((_, i) => `${name}${i}`);
  });
}

function features(item: Item, names: readonly string[], without: readonly string[]): number[] | null {
  const values: number[] = [];
  const own = featureNames([item], without);
  if (own.length !== names.length || own.some((name, i) => name !== names[i])) return null;
  for (const [name, value] of Object.entries(item)) {
    if (without.includes(name)) continue;
    if (typeof value === 'number') values.push(value);
    else if (Array.isArray(value) && value.every((part) => typeof part === 'number')) values.push(...value);
  }
  return values;
}

/** The graph, or why it cannot be used. */
function graphOf(
  parsed: NodeLink,
  columns: { nodes: readonly string[]; edges: readonly string[] },
): Graph | string {
  const ids = new Map<string | number, number>();
  const nodeValues: number[] = [];
  for (const [index, node] of parsed.nodes.entries()) {
    const id = node['id'] ?? node['key'] ?? index;
    if ((typeof id !== 'string' && typeof id !== 'number') || ids.has(id))
      return 'has a node whose id is there twice or is no text or number';
    ids.set(id, index);
    const values = columns.nodes.length === 0 ? [1] : features(node, columns.nodes, nodeIds);
    if (values === null) return 'has a node whose features are not those of the first';
    for (const value of values) nodeValues.push(value);
  }
  const edges: { ends: readonly [number, number]; features: number[] }[] = [];
  for (const link of parsed.links) {
    const from = ids.get(link['source'] as string);
    const to = ids.get(link['target'] as string);
    if (from === undefined || to === undefined) return 'has a link to a node that is not there';
    const values = features(link, columns.edges, linkEnds);
    if (values === null) return 'has a link whose features are not those of the first';
    edges.push({ ends: [from, to], features: values });
  }
  const nodes = { nodes: parsed.nodes.length, nodeFeatures: Float32Array.from(nodeValues) };
  if (!parsed.directed) return { ...nodes, ...bothDirections(edges) };
  return {
    ...nodes,
    edges: Uint32Array.from(edges.flatMap(({ ends }) => ends)),
    edgeFeatures: Float32Array.from(edges.flatMap((edge) => edge.features)),
  };
}
