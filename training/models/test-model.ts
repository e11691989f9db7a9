/**
 * How tests look at a model before any GPU is involved: tracing it over a symbolic batch declares its parameters and
 * its weight-sharing layers, and needs no memory.
 */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { Graph, type Tensor } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { symbolicInputs, type InputShape } from './input-shapes.ts';
import { sharingOf } from './layers.ts';
import { buildModel } from './model.ts';
import { ModelBuilder, type BuilderOptions } from './model-builder.ts';

export interface TracedModel {
  parameters: Parameters;
  builder: ModelBuilder;
  logits: Tensor;
}

/** The model over images [N, C, H, W] that exist only as a shape. */
export function traceModel(spec: ModelSpec, images: readonly number[], classes: number): TracedModel {
  const [examples = 1, channels = 1, height = 1, width = 1] = images;
  return traceOver(spec, { kind: 'images', channels, height, width }, classes, {}, examples);
}

/** The model over examples of any kind. */
export function traceOver(
  spec: ModelSpec,
  shape: InputShape,
  outputs: number,
  options: BuilderOptions = {},
  examples = 1,
): TracedModel {
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters, 'training', options);
  const logits = buildModel(builder, spec, symbolicInputs(graph, shape, examples), outputs);
  return { parameters, builder, logits };
}

/** `name [shape] kind` of every parameter, in the order of declaration. */
export function describeParameters(parameters: Parameters): string[] {
  return parameters.all.map(({ name, shape, kind }) => `${name} [${shape.join(', ')}] ${kind}`);
}

/** `name inputs -> outputs, shared R times` of every weight-sharing layer. */
export function describeLayers(builder: ModelBuilder): string[] {
  return builder.layers.map(
    (layer) => `${layer.name} ${layer.inputs} -> ${layer.outputs}, shared ${sharingOf(layer)} times`,
  );
}
