/**
 * The second half of every training step: gradients of all parameters into their arena, and the optimiser's launches.
 * The training loop and the checks against reference trajectories build their steps from these same parts.
 */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import type { Kfac } from '../curvature/kfac.ts';
import type { ModelBuilder } from '../models/model-builder.ts';
import { adamw, sgd, type OptimiserArenas } from '../optimisers/first-order.ts';
import { ruleTable, type ParameterRule } from '../optimisers/parameter-groups.ts';
import { backward } from '../program/backward.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { lossSeed, type Loss } from '../program/operations/loss.ts';
import type { Parameter, Parameters } from '../program/parameters.ts';
import type { StepUniform } from '../program/step-scalars.ts';

export interface StepArenas extends OptimiserArenas {
  /** Each parameter's part of the gradient arena. */
  gradientOf: ReadonlyMap<Parameter, Region>;
}

/** Gradient and moment arenas beside the parameters', which are allocated already. */
export function createArenas(
  scope: GpuContext,
  parameters: Parameters,
  ruleOf: (parameter: Parameter) => ParameterRule,
): StepArenas {
  const gradients = parameters.twin(scope, 'gradients');
  return {
    values: parameters.arena,
    gradients: gradients.arena,
    gradientOf: gradients.of,
    first: parameters.twin(scope, 'first moment').arena,
    second: parameters.twin(scope, 'second moment').arena,
    rules: ruleTable(scope, parameters, ruleOf),
    length: parameters.arenaLength,
  };
}

/** Adds the backward pass of the mean loss; answers the gradients by every layer's output. */
export function addBackward(
  graph: Graph,
  builder: ModelBuilder,
  loss: Loss,
  arenas: Pick<StepArenas, 'gradientOf'>,
): Map<Tensor, Tensor> {
  return graph.inPhase('backward', () => {
    const seed = lossSeed(loss, { kind: 'gradient' }, 1 / loss.termCount);
    const outputs = builder.layers.map((layer) => layer.output);
    const all = backward(
      graph,
      [{ tensor: loss.outputs, gradient: seed }],
      [...builder.leaves.values(), ...outputs],
    );
    for (const [parameter, leaf] of builder.leaves) {
      const gradient = all.get(leaf);
      const region = arenas.gradientOf.get(parameter);
      if (gradient && region) graph.pin(gradient, region);
    }
    return all;
  });
}

/** Adds the optimiser: one launch over all parameters, then K-FAC's own for its layers. */
export function addUpdate(
  graph: Graph,
  arenas: OptimiserArenas,
  step: StepUniform,
  optimizer: OptimizerSpec,
  kfac: Kfac | null,
): void {
  graph.inPhase('update', () =>
    graph.effect(optimizer.name, [], () => [
      optimizer.name === 'sgd' ? sgd(arenas, step, optimizer) : adamw(arenas, step, optimizer),
    ]),
  );
  kfac?.addUpdate(graph, arenas, step);
}
