/**
 * The validation part through the model, all of it and exactly: at once where that fits, else in equal pieces whose
 * results are put together before anything is averaged, so that a last piece that is not full counts for what it is.
 */
import type { RunSpec } from '../../contract/run-spec.ts';
import { phases } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region } from '../../gpu-kernels/region.ts';
import {
  consecutive,
  createFeeding,
  exampleCount,
  openSource,
  roomOf,
  type FedBatch,
  type Feeding,
} from '../feeding/feeding.ts';
import { ResidentPart } from '../feeding/part-source.ts';
import { WholePart } from '../feeding/row-feeding.ts';
import { bindingLimit, largestPage } from '../feeding/streamed-part.ts';
import { taskLoss } from '../feeding/task-loss.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { compile, type ProgramStatistics } from '../program/compile.ts';
import { Graph, rootOf, size, type Tensor } from '../program/graph.ts';
import { largestLiveSet, type Lifetime } from '../program/memory-plan.ts';
import { rowMaximum } from '../program/operations/row-maximum.ts';
import type { Parameters } from '../program/parameters.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import type { MetricsRing, MetricsRow } from './metrics-ring.ts';
import { CutProgram, type Pace } from './submits.ts';
import { metricsOf, type MetricValues } from './task-metrics.ts';

/** Intermediate tensors of a piece take no more than this, and no more than the adapter binds at once. */
const largestPieceBytes = 128 * 2 ** 20;

/** What is kept of every example. */
type ResultName = 'terms' | 'hits' | 'confidences' | 'outputs';
type Results = Partial<Record<ResultName, Tensor>>;

/** Results that the host reads; the others are averaged on the GPU. */
const readByHost: readonly ResultName[] = ['confidences', 'hits', 'outputs'];

export interface EvaluationParts {
  scope: GpuContext;
  spec: RunSpec;
  data: PreparedDataset;
  /** Must be allocated. */
  parameters: Parameters;
  step: StepUniform;
  ring: MetricsRing;
  pace: Pace;
  /** The most bytes of a streamed validation part that are on the GPU at once; null: the part is resident. */
  streamedBytes: number | null;
  /** Replaces what a piece may take, for tests. */
  pieceBytes?: number | undefined;
}

interface Piece {
  program: CutProgram;
  feeding: Feeding;
  examples: number;
  /** Copied into the whole after each piece; empty where one piece is the whole. */
  copies: { from: Region; to: Region; perExample: number }[];
}

export class Evaluation {
  readonly statistics: ProgramStatistics;
  private readonly parts: EvaluationParts;
  private readonly piece: Piece;
  /** Averages the results of all pieces; null where the one piece does it itself. */
  private readonly summary: CutProgram | null;
  private readonly results: ReadonlyMap<ResultName, Region>;

  private constructor(
    parts: EvaluationParts,
    piece: Piece,
    summary: CutProgram | null,
    results: ReadonlyMap<ResultName, Region>,
    statistics: ProgramStatistics,
  ) {
    this.parts = parts;
    this.piece = piece;
    this.summary = summary;
    this.results = results;
    this.statistics = statistics;
  }

  static async build(parts: EvaluationParts): Promise<Evaluation> {
    const { scope, data, ring, step, pace } = parts;
    const examples = exampleCount(data, data.validation);
    const { graph, feeding, results, ...fitting } = tracePiece(parts, examples);
    const pieceExamples = fitting.examples;
    const isWhole = pieceExamples === examples;
    const regions = new Map<ResultName, Region>();
    const copies: Piece['copies'] = [];
    for (const [name, tensor] of Object.entries(results) as [ResultName, Tensor][]) {
      if (isWhole && !readByHost.includes(name)) continue;
      const perExample = size(tensor.shape) / pieceExamples;
      const region = newRegion(scope, name, pieceExamples * perExample);
      graph.pin(tensor, region);
      const whole = isWhole ? region : newRegion(scope, name, examples * perExample);
      if (!isWhole) copies.push({ from: region, to: whole, perExample });
      regions.set(name, whole);
    }
    if (isWhole) addRow(graph, ring, step, results);
    const program = await compile(scope, graph, 'evaluation');
    const piece = {
      program: new CutProgram(scope.device, program, pace),
      feeding,
      examples: pieceExamples,
      copies,
    };
    if (isWhole) feeding.choose(consecutive(data, data.validation, 0, examples));
    const summary = isWhole ? null : await compileSummary(parts, regions);
    return new Evaluation(parts, piece, summary, regions, program.statistics);
  }

  /** What must be read after `submit`, in the order that `metrics` takes. */
  get regions(): Region[] {
    return readByHost.flatMap((name) => this.results.get(name) ?? []);
  }

  /** Examples that go through the model at once. */
  get pieceExamples(): number {
    return this.piece.examples;
  }

  /** Resolves when everything is submitted; pieces that are streamed wait, so that no more than two are under way. */
  async submit(): Promise<void> {
    const { data, scope } = this.parts;
    const all = exampleCount(data, data.validation);
    const { program, feeding, examples, copies } = this.piece;
    const rowsFrom = (first: number) => consecutive(data, data.validation, first, examples);
    let before = Promise.resolve<unknown>(undefined);
    for (let first = 0; first < all; first += examples) {
      if (this.summary) feeding.choose(rowsFrom(first));
      program.submit(new Set(phases), null);
      if (copies.length === 0) continue;
      const encoder = scope.device.createCommandEncoder();
      const count = Math.min(examples, all - first);
      for (const { from, to, perExample } of copies) {
        const at = to.offset + 4 * first * perExample;
        encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, at, 4 * count * perExample);
      }
      scope.device.queue.submit([encoder.finish()]);
      if (this.parts.streamedBytes === null) continue;
      if (first + examples < all) feeding.expect(rowsFrom(first + examples));
      await before;
      before = scope.device.queue.onSubmittedWorkDone();
    }
    this.summary?.submit(new Set(phases), null);
  }

  /** What the ring's row and the results of `regions` say. */
  metrics(row: MetricsRow, read: readonly ArrayBuffer[]): MetricValues {
    const names = readByHost.filter((name) => this.results.has(name));
    const numbers = (name: ResultName) => new Float32Array(read[names.indexOf(name)] ?? new ArrayBuffer(0));
    return metricsOf(this.parts.data, {
      ...row,
      confidences: numbers('confidences'),
      hits: numbers('hits'),
      outputs: numbers('outputs'),
    });
  }
}

/** Runs the model over a batch and names what is kept of its answers. */
function traceResults(
  graph: Graph,
  spec: RunSpec,
  data: PreparedDataset,
  parameters: Parameters,
  { inputs, targets }: FedBatch,
): Results {
  const builder = new ModelBuilder(graph, parameters, 'evaluation');
  const outputs = buildModel(builder, spec.model, inputs, data.outputs);
  if (data.task === 'multi-label') return { outputs };
  const { terms, hits, probabilities } = taskLoss(data.task, outputs, targets);
  if (data.task === 'regression') return { terms, outputs };
  if (data.task === 'language') return { terms };
  return { terms, hits: hits!, confidences: rowMaximum(probabilities!) };
}

function addRow(graph: Graph, ring: MetricsRing, step: StepUniform, { terms, hits }: Results): void {
  if (terms) ring.addRow(graph, step, { terms, hits: hits ?? null, termCount: size(terms.shape) }, true);
}

async function compileSummary(
  { scope, ring, step, pace, data }: EvaluationParts,
  regions: ReadonlyMap<ResultName, Region>,
): Promise<CutProgram> {
  const graph = new Graph();
  const length = exampleCount(data, data.validation) * (data.kind === 'text' ? (data.example[0] ?? 1) : 1);
  const leaf = (name: ResultName): Results => {
    const region = regions.get(name);
    return region ? { [name]: graph.leaf(name, [length], region) } : {};
  };
  addRow(graph, ring, step, { ...leaf('terms'), ...leaf('hits') });
  return new CutProgram(scope.device, await compile(scope, graph, 'summary of the evaluation'), pace);
}

interface TracedPiece {
  graph: Graph;
  feeding: Feeding;
  results: Results;
  examples: number;
}

/** The model over as many examples as go through it at once: as few equal pieces as fit. */
function tracePiece(parts: EvaluationParts, all: number): TracedPiece {
  const { scope, data, streamedBytes } = parts;
  const { validation } = data;
  const limit = Math.min(
    parts.pieceBytes ?? largestPieceBytes,
    bindingLimit(scope),
    streamedBytes ?? Infinity,
  );
  const resident = streamedBytes === null ? new ResidentPart(scope, validation) : null;
  for (let pieces = 1; ;) {
    const examples = Math.ceil(all / pieces);
    let bytes = resident ? 0 : largestPage(validation, roomOf(data, validation, examples, true));
    if (bytes <= limit || examples === 1) {
      // Of its own, so that the memory of a piece that turns out too large goes at once.
      const attempt = openScope(scope);
      const feeding = pieceFeeding(attempt, data, resident, examples, examples === all);
      const graph = new Graph();
      const results = traceResults(graph, parts.spec, data, parts.parameters, feeding.trace(graph));
      bytes = forwardBytes(graph, Object.values(results));
      if (bytes <= limit || examples === 1) {
        for (const buffer of attempt.buffers) scope.buffers.add(buffer);
        return { graph, feeding, results, examples };
      }
      releaseScope(attempt);
    }
    pieces = Math.min(all, Math.max(pieces + 1, Math.ceil((pieces * bytes) / limit)));
  }
}

/** What feeds so many examples of the validation part at once; `resident`: null where it is streamed. */
function pieceFeeding(
  scope: GpuContext,
  data: PreparedDataset,
  resident: ResidentPart | null,
  examples: number,
  isWhole: boolean,
): Feeding {
  const { kind, validation } = data;
  if (resident && isWhole && (kind === 'images' || kind === 'table')) return new WholePart(kind, resident);
  return createFeeding(
    scope,
    data,
    resident ?? openSource(scope, data, validation, true, examples, true),
    examples,
    true,
  );
}

/** The most bytes of tensors alive at once in a forward pass without fusion: somewhat more than a plan will need. */
function forwardBytes(graph: Graph, kept: readonly Tensor[]): number {
  const lifetimes = new Map<Tensor, Lifetime>();
  for (const { index, inputs, outputs } of graph.nodes) {
    for (const tensor of outputs.filter((output) => rootOf(output) === output && !graph.placed.has(output))) {
      lifetimes.set(tensor, {
        region: new Region(tensor.label, size(tensor.shape) * 4),
        first: index,
        last: index,
      });
    }
    for (const input of inputs) {
      const lifetime = lifetimes.get(rootOf(input));
      if (lifetime) lifetime.last = index;
    }
  }
  for (const tensor of kept) lifetimes.delete(rootOf(tensor));
  return largestLiveSet([...lifetimes.values()]);
}

function newRegion(scope: GpuContext, label: string, words: number): Region {
  const region = new Region(label, words * 4);
  placeInNewBuffer(scope, label, [region]);
  return region;
}
