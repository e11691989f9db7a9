/**
 * The second half of every training step: gradients of all parameters into their arena, and the optimiser's launches.
 * The training loop and the checks against reference trajectories build their steps from these same parts.
 */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Dispatch } from '../../gpu-kernels/dispatch.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import type { ModelBuilder } from '../models/model-builder.ts';
import { adam, sgd, type OptimiserArenas } from '../optimisers/first-order.ts';
import { GradientClip } from '../optimisers/gradient-clip.ts';
import type { LayerOptimiser } from '../optimisers/layer-optimiser.ts';
import { ruleTable, type ParameterRule } from '../optimisers/parameter-groups.ts';
import { backward } from '../program/backward.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { divisorOf, lossSeed, type Loss } from '../program/operations/loss.ts';
import type { Parameter, Parameters } from '../program/parameters.ts';
import type { StepUniform } from '../program/step-scalars.ts';

export interface StepArenas extends OptimiserArenas {
  /** Each parameter's part of the gradient arena. */
  gradientOf: ReadonlyMap<Parameter, Region>;
  clip: GradientClip | null;
}

/** Gradient and moment arenas beside the parameters', which are allocated already. Without `clipNorm` nothing is clipped. */
export function createArenas(
  scope: GpuContext,
  parameters: Parameters,
  ruleOf: (parameter: Parameter) => ParameterRule,
  clipNorm: number | null = null,
): StepArenas {
  const gradients = parameters.twin(scope, 'gradients');
  const clip = clipNorm === null ? null : new GradientClip(scope, parameters, clipNorm);
  return {
    values: parameters.arena,
    gradients: gradients.arena,
    gradientOf: gradients.of,
    first: parameters.twin(scope, 'first moment').arena,
    second: parameters.twin(scope, 'second moment').arena,
    rules: ruleTable(scope, parameters, ruleOf),
    clip,
    clipScale: clip?.scale ?? null,
    length: parameters.arenaLength,
  };
}

/** Adds the backward pass of the mean loss, and what the layers' own rule makes of its gradients before the update. */
export function addGradients(
  graph: Graph,
  builder: ModelBuilder,
  loss: Loss,
  arenas: StepArenas,
  step: StepUniform,
  layers: LayerOptimiser | null,
): void {
  addBackward(graph, builder, loss, arenas, layers?.watchGradients?.(graph, loss, step));
  layers?.addCurvature(graph, loss, step, arenas);
}

/**
 * Adds the backward pass of the mean loss; answers the gradients by every layer's output, each of which `visit` is told as
 * soon as it is there.
 */
export function addBackward(
  graph: Graph,
  builder: ModelBuilder,
  loss: Loss,
  arenas: Pick<StepArenas, 'gradientOf'>,
  visit?: (output: Tensor, gradient: Tensor) => void,
): Map<Tensor, Tensor> {
  return graph.inPhase('backward', () => {
    const seed = lossSeed(loss, { kind: 'gradient' }, 1 / divisorOf(loss));
    const outputs = new Set(builder.layers.flatMap(({ uses }) => uses.map((use) => use.output)));
    const all = backward(
      graph,
      [{ tensor: loss.outputs, gradient: seed }],
      [...builder.leaves.values(), ...outputs],
      (tensor, gradient) => {
        if (outputs.has(tensor)) visit?.(tensor, gradient);
      },
    );
    for (const [parameter, leaf] of builder.leaves) {
      const gradient = all.get(leaf);
      const region = arenas.gradientOf.get(parameter);
      if (gradient && region) graph.pin(gradient, region);
    }
    return all;
  });
}

/** Adds the optimiser: clipping where asked for, one launch over all parameters, then what the layers' own rule adds. */
export function addUpdate(
  graph: Graph,
  arenas: StepArenas,
  step: StepUniform,
  optimizer: OptimizerSpec,
  layers: LayerOptimiser | null,
): void {
  layers?.addMemory?.(graph, arenas);
  graph.inPhase('update', () =>
    graph.effect(optimizer.name, [], () => [
      ...(arenas.clip?.lower(arenas.gradients) ?? []),
      firstOrder(arenas, step, optimizer),
    ]),
  );
  layers?.addUpdate(graph, arenas, step);
}

function firstOrder(arenas: StepArenas, step: StepUniform, optimizer: OptimizerSpec): Dispatch {
  if (optimizer.name === 'sgd') return sgd(arenas, step, optimizer);
  // Then all parameters take SGD's step, or its length: one learning rate cannot mean both rules.
  if (optimizer.name === 'shampoo' && optimizer.grafting === 'sgd')
    return sgd(arenas, step, { momentum: optimizer.beta1, nesterov: false });
  return adam(arenas, step, { ...optimizer, nesterov: optimizer.name === 'nadamw' });
}
