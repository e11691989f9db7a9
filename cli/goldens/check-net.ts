/** Runs one net fixture through the engine once and compares everything the engine has by now. */
import type { LayerFactors, NetFixture, Tensor } from '../../goldens/fixture.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import type { KfacLayer } from '../../training/curvature/factors.ts';
import { phases } from '../../contract/runs.ts';
import { runChecks, type Check } from './checks.ts';
import { compare, largest, type Comparison } from './comparison.ts';
import { sumOfMagnitudes } from './conditioning.ts';
import { factorPlace, jointPlace, mostRows } from './curvature-checks.ts';
import { pairError } from './damped-error.ts';
import { compareExactBlocks } from './exact-blocks.ts';
import type { NetFamily } from './net-family.ts';
import {
  compileNet,
  submit,
  dampingRules,
  type FactorChoice,
  type FixtureRule,
  type NetProgram,
} from './net-program.ts';
import { directTolerance } from './tolerances.ts';

export interface CheckResult {
  comparisons: Comparison[];
  /** The net, or the runs of it, that the engine has nothing like. */
  unrecognised: string[];
  /** What the reader of the line must know besides. */
  notes: string[];
}

export async function checkNet(
  gpu: GpuContext,
  fixture: NetFixture,
  family: NetFamily,
): Promise<CheckResult> {
  const scope = openScope(gpu);
  try {
    const net = await compileNet(scope, fixture, family);
    net.step.write({ index: 1, seed: 0, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    submit(scope, net.program, new Set(phases));
    const { rows } = await net.ring.read([]);
    const loss = compare('loss', [rows[0]?.loss ?? Number.NaN], [fixture.loss], directTolerance(fixture.M));
    const checks = [
      ...passChecks(net, fixture),
      ...net.choices.flatMap((choice) => curvatureChecks(choice, fixture)),
    ];
    const compared = [loss, ...(await runChecks(scope, checks))];
    const blocks = await compareExactBlocks(scope, net, fixture);
    return { comparisons: [...compared, ...blocks], unrecognised: [], notes: [] };
  } finally {
    releaseScope(scope);
  }
}

/** Forward and backward pass: outputs, intermediates, gradients, what goes into a layer and the gradient of what comes out. */
function passChecks(net: NetProgram, fixture: NetFixture): Check[] {
  const terms = mostRows(net.builder.layers);
  const check = (
    quantity: string,
    name: string,
    place: Pick<Check, 'region'>,
    expected: Tensor | undefined,
  ): Check => ({
    where: `${quantity}.${name}`,
    quantity,
    ...place,
    expected: expected?.data ?? new Float64Array(),
    tolerance: directTolerance(terms),
  });
  const { forward, grads, layer_io } = fixture;
  const known = [...net.net.intermediates].filter(([name]) => forward[name]);
  const gradients = [...net.gradientOf].map(([{ name }, region]) =>
    check('grads', name, { region }, grads[name]),
  );
  const layers = net.builder.layers.flatMap(({ name, uses: [use] }) => {
    if (!use?.input) return [];
    const { input, output } = use;
    const gradient = net.outputGradients.get(output);
    return [
      check('layer_io.a', name, { region: net.regionOf(input) }, layer_io[name]?.a),
      ...(gradient ? [check('layer_io.g', name, { region: net.regionOf(gradient) }, layer_io[name]?.g)] : []),
    ];
  });
  return [
    check('forward', 'output', { region: net.regionOf(net.net.output) }, forward.output),
    ...known.map(([name, tensor]) => check('forward', name, { region: net.regionOf(tensor) }, forward[name])),
    ...gradients,
    ...layers,
  ];
}

function curvatureChecks(choice: FactorChoice, fixture: NetFixture): Check[] {
  return choice.set.layers.flatMap((layer) => {
    const factors = fixture.factors[choice.flavour][layer.layer.name];
    if (!factors) return [];
    return [
      ...factorChecks(choice, layer, factors, fixture.C),
      ...preconditionedChecks(choice, layer, factors, fixture),
    ];
  });
}

function factorChecks(
  { flavour, kind }: FactorChoice,
  { layer, a, g }: KfacLayer,
  factors: LayerFactors,
  outputs: number,
): Check[] {
  const prefix = `factors.${flavour}`;
  const expected = factors.G[kind];
  if (!expected) return [];
  const tolerance = directTolerance(mostRows([layer.whole]));
  const check = (
    quantity: string,
    where: string,
    place: Pick<Check, 'region' | 'pick'>,
    { data }: Tensor,
  ): Check => ({
    where,
    quantity,
    ...place,
    expected: data,
    tolerance,
  });
  const G = check(`${prefix}.G.${kind}`, `${prefix}.${layer.name}.G.${kind}`, factorPlace(g), expected);
  // A does not depend on the Fisher kind; all sets made it, one is compared.
  if (kind !== 'empirical') return [G];
  const { empirical_curvlinops: timesC } = factors.G;
  const byC = timesC && { ...timesC, data: timesC.data.map((value) => value / outputs) };
  const key = 'G.empirical_curvlinops';
  return [
    check(`${prefix}.A`, `${prefix}.${layer.name}.A`, factorPlace(a), factors.A),
    G,
    ...(byC ? [check(`${prefix}.${key}`, `${prefix}.${layer.name}.${key}`, factorPlace(g), byC)] : []),
  ];
}

function preconditionedChecks(
  choice: FactorChoice,
  { layer }: KfacLayer,
  factors: LayerFactors,
  fixture: NetFixture,
): Check[] {
  const { flavour, kind, layout, directions } = choice;
  if (!directions || (kind !== 'empirical' && kind !== 'type2')) return [];
  const made = fixture.preconditioned[flavour][kind][layer.name];
  const io = fixture.layer_io[layer.name];
  if (!made || !io) return [];
  const terms = sumOfMagnitudes(io.a, io.g, layer.bias !== null);
  return Object.keys(dampingRules).flatMap((key): Check[] => {
    const rule = key as FixtureRule;
    const P = made[rule];
    if (!P) return [];
    const preconditioning = { A: factors.A, G: factors.G[kind], P, terms };
    const rows = mostRows([layer.whole]);
    const damping = { rule, lambda: fixture.damping, pi: made.pi_value ?? 1 };
    // The gradient of a layer may be zero everywhere: attention over one token.
    const scale = largest(P.data) || 1;
    return [
      {
        where: `preconditioned.${flavour}.${kind}.${layer.name}.${rule}`,
        quantity: `preconditioned.${flavour}.${kind}.${rule}`,
        ...jointPlace(layout, layer.name, directions[rule]),
        expected: P.data,
        tolerance: pairError(preconditioning, damping, rows) / scale,
        scale,
      },
    ];
  });
}
