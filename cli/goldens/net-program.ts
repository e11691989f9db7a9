/**
 * A net fixture as one program of the real engine: forward, loss, backward, and for both flavours and every kind of
 * Fisher in the file the factors; from those the file preconditions with, the preconditioned gradient by every damping rule
 * there is.
 */
import type { LayerFactors, NetFixture } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import type { FisherKind } from '../../training/curvature/factor-phase.ts';
import { addFactors, createFactors, type FactorSet } from '../../training/curvature/factors.ts';
import { bothSides, type Flavour } from '../../training/curvature/flavour.ts';
import { createCurvature, productsOf } from '../../training/curvature/curvature.ts';
import { layOutJoint, type JointLayout } from '../../training/curvature/joint-layout.ts';
import { Preconditioner } from '../../training/curvature/precondition.ts';
import { MetricsRing } from '../../training/loop/metrics-ring.ts';
import { addBackward } from '../../training/loop/step-graph.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { compile, type Program } from '../../training/program/compile.ts';
import { Graph, type Tensor } from '../../training/program/graph.ts';
import {
  crossEntropy,
  meanSquaredError,
  onRaggedRows,
  type Loss,
} from '../../training/program/operations/loss.ts';
import { Parameters, type Parameter } from '../../training/program/parameters.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';
import type { Phase } from '../../contract/runs.ts';
import { KronlabError } from '../../contract/errors.ts';
import { Jacobian } from '../exactness/jacobian.ts';
import { readable } from './checks.ts';
import { FixtureInputs } from './fixture-inputs.ts';
import type { NetFamily } from './net-family.ts';
import { buildReferenceNet, type ReferenceNet } from './reference-net.ts';

export const flavours = ['expand', 'reduce'] as const satisfies Flavour[];
/** The file's kinds of G that the engine makes, by its own name of the Fisher. */
export const fishers = {
  empirical: 'empirical',
  type2: 'type2',
  mc: 'mc',
  type2_shared: 'type2-shared',
  empirical_perterm: 'empirical-per-term',
} as const satisfies Partial<Record<keyof LayerFactors['G'], FisherKind>>;
export type FixtureKind = keyof typeof fishers;
/** The kinds that the file preconditions with. */
const preconditionedKinds: readonly FixtureKind[] = ['empirical', 'type2'];
/** The fixture's name of each damping rule that the engine has too, and the engine's. */
export const dampingRules = { separate: 'plain', sqrt: 'sqrt', pi: 'pi', eigen: 'exact' } as const;
export type FixtureRule = keyof typeof dampingRules;

/** A net with its loss in a fresh graph, parameters allocated and uploaded. */
export interface LossProgram {
  graph: Graph;
  builder: ModelBuilder;
  parameters: Parameters;
  step: StepUniform;
  ring: MetricsRing;
  net: ReferenceNet;
  loss: Loss;
}

export interface FactorChoice {
  flavour: Flavour;
  kind: FixtureKind;
  set: FactorSet;
  layout: JointLayout;
  /** Preconditioned gradients by damping rule, in the joint layout; null for kinds that are not preconditioned with. */
  directions: Record<FixtureRule, Region> | null;
}

export interface NetProgram extends LossProgram {
  program: Program;
  gradientOf: ReadonlyMap<Parameter, Region>;
  outputGradients: ReadonlyMap<Tensor, Tensor>;
  choices: FactorChoice[];
  /** Null where the file has no exact blocks. */
  jacobian: Jacobian | null;
  /** Memory of a tensor that was asked for. */
  regionOf: (tensor: Tensor) => Region;
}

/** Builds net and loss; the fixture's parameters are on the GPU afterwards. */
export function buildLossProgram(scope: GpuContext, fixture: NetFixture, family: NetFamily): LossProgram {
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const step = new StepUniform(scope);
  const ring = new MetricsRing(scope);
  const inputs = new FixtureInputs(scope, graph, fixture);
  const net = buildReferenceNet(builder, fixture, family, inputs);
  const pooledOrDense = lossOf(scope, graph, fixture, net.output);
  const isRagged = family.kind === 'chain' && family.ragged && fixture.setting === 'expand';
  const loss = isRagged
    ? onRaggedRows(pooledOrDense, { offsets: inputs.offsets('node'), most: inputs.most('node') })
    : pooledOrDense;
  requireSameParameters(fixture, parameters);
  parameters.allocate(scope);
  parameters.upload(scope, ({ name }) => Float32Array.from(fixture.params[name]?.data ?? []));
  ring.addRow(graph, step, loss);
  return { graph, builder, parameters, step, ring, net, loss };
}

function lossOf(scope: GpuContext, graph: Graph, fixture: NetFixture, output: Tensor): Loss {
  const targets = targetLeaf(scope, graph, fixture, 'targets');
  return fixture.loss_type === 'ce' ? crossEntropy(output, targets) : meanSquaredError(output, targets);
}

/** Labels as u32, values as f32. */
function targetLeaf(
  scope: GpuContext,
  graph: Graph,
  fixture: NetFixture,
  key: 'targets' | 'mc_targets',
): Tensor {
  const { shape, data } = fixture[key];
  const isLabels = fixture.loss_type === 'ce';
  const numbers = isLabels ? Uint32Array.from(data) : Float32Array.from(data);
  return graph.leaf(key, shape, uploadTable(scope, key, numbers), isLabels ? 'u32' : 'f32');
}

function requireSameParameters(fixture: NetFixture, parameters: Parameters): void {
  const own = new Set(parameters.all.map(({ name }) => name));
  const missing = [...own].find((name) => !fixture.params[name]);
  const foreign = Object.keys(fixture.params).find((name) => !own.has(name));
  if (missing === undefined && foreign === undefined) return;
  const what =
    missing === undefined ? `params.${foreign ?? ''} belongs to no part` : `params.${missing} is missing`;
  throw new KronlabError(
    'invalid',
    `${what}; the net of this file has the parameters ${[...own].join(', ')}`,
  );
}

export async function compileNet(
  scope: GpuContext,
  fixture: NetFixture,
  family: NetFamily,
): Promise<NetProgram> {
  const parts = buildLossProgram(scope, fixture, family);
  const { graph, builder, loss, net } = parts;
  const gradients = parts.parameters.twin(scope, 'gradients');
  const outputGradients = addBackward(graph, builder, loss, { gradientOf: gradients.of });
  const jacobian = fixture.exact_ggn ? new Jacobian(scope, builder, parts.parameters, loss.outputs) : null;
  const regions = new Map<Tensor, Region>();
  const inputsAndOutputs = builder.layers.flatMap(({ uses }) =>
    uses.flatMap(({ input, output }) => [input, outputGradients.get(output)]),
  );
  for (const tensor of [net.output, ...net.intermediates.values(), ...inputsAndOutputs]) {
    if (tensor) regions.set(tensor, readable(scope, graph, tensor));
  }
  const labels = targetLeaf(scope, graph, fixture, 'mc_targets');
  const choices = flavours.flatMap((flavour) =>
    kindsOf(fixture).map((kind) =>
      addChoice(scope, parts, {
        ...{ flavour, kind, labels, outputGradients },
        gradients: gradients.arena,
        damping: fixture.damping,
      }),
    ),
  );
  return {
    ...parts,
    program: await compile(scope, graph, fixture.name),
    gradientOf: gradients.of,
    outputGradients,
    choices,
    jacobian,
    regionOf: (tensor) => regions.get(tensor) ?? readable(scope, graph, tensor),
  };
}

/** Kinds of G that every layer of the file has. */
function kindsOf({ factors }: NetFixture): FixtureKind[] {
  const layers = [...Object.values(factors.expand), ...Object.values(factors.reduce)];
  return (Object.keys(fishers) as FixtureKind[]).filter((kind) => layers.every(({ G }) => G[kind]));
}

interface ChoiceSettings {
  flavour: Flavour;
  kind: FixtureKind;
  labels: Tensor;
  outputGradients: ReadonlyMap<Tensor, Tensor>;
  gradients: Region;
  damping: number;
}

function addChoice(scope: GpuContext, parts: LossProgram, settings: ChoiceSettings): FactorChoice {
  const { graph, builder, loss, step } = parts;
  const { flavour, kind, labels, outputGradients, gradients, damping } = settings;
  // Pure flavours, also where training would choose another one: the fixtures have both for every layer.
  const set = createFactors(scope, builder.layers, () => bothSides(flavour));
  const layout = layOutJoint(scope, set.layers);
  const column = uploadTable(scope, 'column', new Uint32Array(4));
  addFactors(set, {
    ...{ graph, loss, step, outputGradients, column },
    fisher: fishers[kind],
    ...(kind === 'mc' ? { labels } : {}),
  });
  if (!preconditionedKinds.includes(kind)) return { flavour, kind, set, layout, directions: null };
  const direction = (rule: FixtureRule): Region => {
    const curvature = createCurvature(scope, set, layout, { rule: dampingRules[rule], damping });
    const preconditioner = new Preconditioner(scope, layout, productsOf(scope, layout, curvature));
    graph.inPhase('inverses', () =>
      graph.effect('inverses', [], (lowering) => curvature.lower(lowering, step)),
    );
    graph.inPhase('precondition', () =>
      graph.effect('precondition', [], () => preconditioner.precondition(gradients)),
    );
    return preconditioner.direction;
  };
  const directions = {
    separate: direction('separate'),
    sqrt: direction('sqrt'),
    pi: direction('pi'),
    eigen: direction('eigen'),
  };
  return { flavour, kind, set, layout, directions };
}

/** Runs the phases of a program once. */
export function submit(scope: GpuContext, program: Program, due: ReadonlySet<Phase>): void {
  const encoder = scope.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, due);
  pass.end();
  scope.device.queue.submit([encoder.finish()]);
}
