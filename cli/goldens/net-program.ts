/**
 * A net fixture as one program of the real engine: forward, loss, backward, and for both flavours and both Fisher
 * kinds the factors, and from each set of factors the preconditioned gradient by every damping rule there is.
 */
import type { NetFixture } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import { addFactors, createFactors, type FactorSet } from '../../training/curvature/factors.ts';
import type { Flavour } from '../../training/curvature/flavour.ts';
import { Inverses } from '../../training/curvature/inverses.ts';
import { layOutJoint, type JointLayout } from '../../training/curvature/joint-layout.ts';
import { Preconditioner } from '../../training/curvature/precondition.ts';
import { MetricsRing } from '../../training/loop/metrics-ring.ts';
import { addBackward } from '../../training/loop/step-graph.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { compile, type Program } from '../../training/program/compile.ts';
import { Graph, type Tensor } from '../../training/program/graph.ts';
import { crossEntropy, meanSquaredError, type Loss } from '../../training/program/operations/loss.ts';
import { Parameters, type Parameter } from '../../training/program/parameters.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';
import type { Phase } from '../../contract/runs.ts';
import { KronlabError } from '../../contract/errors.ts';
import { readable } from './checks.ts';
import type { NetFamily } from './net-family.ts';
import { buildReferenceNet, type ReferenceNet } from './reference-net.ts';

export const flavours = ['expand', 'reduce'] as const satisfies Flavour[];
export const fishers = ['empirical', 'type2'] as const;
/** The fixture's name of each damping rule that the engine has too, and the engine's. */
export const dampingRules = { separate: 'plain', sqrt: 'sqrt', pi: 'pi' } as const;
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
  fisher: (typeof fishers)[number];
  set: FactorSet;
  layout: JointLayout;
  /** Preconditioned gradients by damping rule, in the joint layout. */
  directions: Record<FixtureRule, Region>;
}

export interface NetProgram extends LossProgram {
  program: Program;
  gradientOf: ReadonlyMap<Parameter, Region>;
  outputGradients: ReadonlyMap<Tensor, Tensor>;
  choices: FactorChoice[];
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
  const x = fixture.inputs['x'] ?? { shape: [], data: new Float64Array() };
  const images = graph.leaf('x', x.shape, uploadTable(scope, 'x', Float32Array.from(x.data)));
  const net = buildReferenceNet(builder, fixture, family, images);
  const loss = lossOf(scope, graph, fixture, net.output);
  requireSameParameters(fixture, parameters);
  parameters.allocate(scope);
  parameters.upload(scope, ({ name }) => Float32Array.from(fixture.params[name]?.data ?? []));
  ring.addRow(graph, step, loss);
  return { graph, builder, parameters, step, ring, net, loss };
}

function lossOf(scope: GpuContext, graph: Graph, fixture: NetFixture, output: Tensor): Loss {
  const { targets, loss_type } = fixture;
  if (loss_type === 'ce') {
    const labels = uploadTable(scope, 'targets', Uint32Array.from(targets.data));
    return crossEntropy(output, graph.leaf('targets', targets.shape, labels, 'u32'));
  }
  const values = uploadTable(scope, 'targets', Float32Array.from(targets.data));
  return meanSquaredError(output, graph.leaf('targets', targets.shape, values));
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
  const regions = new Map<Tensor, Region>();
  const inputsAndOutputs = builder.layers.flatMap(({ uses }) =>
    uses.flatMap(({ input, output }) => [input, outputGradients.get(output)]),
  );
  for (const tensor of [net.output, ...net.intermediates.values(), ...inputsAndOutputs]) {
    if (tensor) regions.set(tensor, readable(scope, graph, tensor));
  }
  const choices = flavours.flatMap((flavour) =>
    fishers.map((fisher) =>
      addChoice(scope, parts, {
        flavour,
        fisher,
        outputGradients,
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
    regionOf: (tensor) => regions.get(tensor) ?? readable(scope, graph, tensor),
  };
}

interface ChoiceSettings {
  flavour: Flavour;
  fisher: (typeof fishers)[number];
  outputGradients: ReadonlyMap<Tensor, Tensor>;
  gradients: Region;
  damping: number;
}

function addChoice(scope: GpuContext, parts: LossProgram, settings: ChoiceSettings): FactorChoice {
  const { graph, builder, loss, step } = parts;
  const { flavour, fisher, outputGradients, gradients, damping } = settings;
  // Pure flavours, also where training would choose another one: the fixtures have both for every layer.
  const set = createFactors(scope, builder.layers, () => flavour);
  const layout = layOutJoint(scope, set.layers);
  const column = uploadTable(scope, 'column', new Uint32Array(4));
  addFactors(set, { graph, loss, fisher, step, outputGradients, column });
  const direction = (rule: FixtureRule): Region => {
    const inverses = new Inverses(scope, set, layout, { rule: dampingRules[rule], damping });
    const preconditioner = new Preconditioner(scope, layout, inverses.groups);
    graph.inPhase('inverses', () => graph.effect('inverses', [], (lowering) => inverses.lower(lowering)));
    graph.inPhase('precondition', () =>
      graph.effect('precondition', [], () => preconditioner.precondition(gradients)),
    );
    return preconditioner.direction;
  };
  const directions = { separate: direction('separate'), sqrt: direction('sqrt'), pi: direction('pi') };
  return { flavour, fisher, set, layout, directions };
}

/** Runs the phases of a program once. */
export function submit(scope: GpuContext, program: Program, due: ReadonlySet<Phase>): void {
  const encoder = scope.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, due);
  pass.end();
  scope.device.queue.submit([encoder.finish()]);
}
