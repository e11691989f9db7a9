/**
 * Graphs in node-link JSON, as NetworkX and D3 write it: `{ "nodes": [{ "id": .. }], "links": [{ "source": ..,
 * "target": .. }] }`, a list of such objects or one on every line. Numbers and lists of numbers of nodes and links are
 * features; the property to predict stands beside `nodes` or in `graph`.
 */
import { z } from 'zod';
import type { TensorDataset } from '../../tensor-dataset.ts';
import type { ByteSource } from '../byte-source.ts';
import { openStream, readWhole } from '../byte-stream.ts';
import type { Cell } from '../columns.ts';
import { bothDirections, GraphBuilder, type Graph, type GraphOptions } from '../graphs.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { chooseTargets } from '../targets.ts';
import { textLines } from '../text-stream.ts';

/** A file of one list is parsed at once; longer ones are better written line by line. */
const longestDocument = 1 << 28;

const idSchema = z.union([z.string(), z.number()]);
const graphSchema = z.object({
  directed: z.boolean().default(false),
  nodes: z.array(z.record(z.string(), z.unknown())),
  links: z.array(z.record(z.string(), z.unknown())).optional(),
  edges: z.array(z.record(z.string(), z.unknown())).optional(),
  graph: z.record(z.string(), z.unknown()).optional(),
});
type NodeLink = z.infer<typeof graphSchema>;

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
  for await (const { value, row } of documents(source, context)) {
    const parsed = graphSchema.safeParse(value);
    if (builder === null) {
      if (!parsed.success) throw fault(file, `graph ${row}`, describe(parsed.error), 'write node-link JSON');
      const properties = propertiesOf(value, parsed.data);
      targets = chooseTargets(file, [...properties.keys()], options.target, false);
      columns = {
        nodes: featureNames(parsed.data.nodes, nodeIds),
        edges: featureNames(linksOf(parsed.data), linkEnds),
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
    if (!parsed.success) {
      builder.skip(describe(parsed.error), row);
      continue;
    }
    const graph = graphOf(parsed.data, columns, context.limits.graph);
    if (typeof graph === 'string') builder.skip(graph, row);
    else {
      const properties = propertiesOf(value, parsed.data);
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

/** The graphs of a list, of lines, or the one of a file. */
async function* documents(
  source: ByteSource,
  context: ImportContext,
): AsyncGenerator<{ value: unknown; row: number }> {
  const first = parse(await firstLine(source, context));
  if (first !== undefined && !Array.isArray(first) && isObject(first)) {
    for await (const { line, number } of textLines(await openStream(source, context), context.limits)) {
      if (line.trim() !== '') yield { value: parse(line), row: number };
    }
    return;
  }
  const limit = Math.min(longestDocument, context.limits.bytes);
  const bytes = await readWhole(source, limit, context);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw fault(source.name, null, `is no JSON (${detail.slice(0, 100)})`, 'write node-link JSON in UTF-8');
  }
  const list = Array.isArray(document) ? (document as unknown[]) : [document];
  for (const [index, value] of list.entries()) yield { value, row: index + 1 };
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function linksOf({ links, edges }: NodeLink): NonNullable<NodeLink['links']> {
  return links ?? edges ?? [];
}

/** What could be predicted: plain values beside the nodes and in `graph`. */
function propertiesOf(value: unknown, { graph = {} }: NodeLink): Map<string, Cell> {
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
function featureNames(items: readonly Record<string, unknown>[], without: readonly string[]): string[] {
  return Object.entries(items[0] ?? {}).flatMap(([name, value]) => {
    if (without.includes(name)) return [];
    if (typeof value === 'number') return [name];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'number')) return [];
    return value.map((_, i) => `${name}${i}`);
  });
}

function features(
  item: Record<string, unknown>,
  names: readonly string[],
  without: readonly string[],
): number[] | null {
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
  most: number,
): Graph | string {
  const links = linksOf(parsed);
  if (parsed.nodes.length > most || links.length > most) return `has more than ${most} nodes or links`;
  const ids = new Map<string | number, number>();
  const nodeValues: number[] = [];
  for (const [index, node] of parsed.nodes.entries()) {
    const id = idSchema.safeParse(node['id'] ?? node['key'] ?? index);
    if (!id.success || ids.has(id.data)) return 'has a node whose id is there twice or is no text or number';
    ids.set(id.data, index);
    const values = columns.nodes.length === 0 ? [1] : features(node, columns.nodes, nodeIds);
    if (values === null) return 'has a node whose features are not those of the first';
    for (const value of values) nodeValues.push(value);
  }
  const edges: { ends: readonly [number, number]; features: number[] }[] = [];
  for (const link of links) {
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

function describe(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join('.') || 'it'}: ${issue.message}`;
}
