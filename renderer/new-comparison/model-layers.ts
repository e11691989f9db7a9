/** The layers of a model that nobody has trained yet: the engine's own model code, traced over images that are only a shape. */
import { KronlabError } from '../../contract/errors.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { LayerReport } from '../../contract/runs.ts';
import { findDataset } from '../../datasets/registry.ts';
import { Region } from '../../gpu-kernels/region.ts';
import { flavoursOf } from '../../training/curvature/flavour.ts';
import { sharingOf, type LinearLayer } from '../../training/models/layers.ts';
import { buildModel } from '../../training/models/model.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { Graph, size } from '../../training/program/graph.ts';
import { Parameters } from '../../training/program/parameters.ts';

type Planned = Pick<RunSpec, 'dataset' | 'model' | 'optimizer'>;

/** Layers as an optimiser with factors sees them, uncut; none where the model does not fit the data set. */
export function plannedLayers(spec: Planned): LayerReport[] {
  const { optimizer } = spec;
  const layers = traceLayers(spec) ?? [];
  const flavour = flavoursOf(layers, 'flavour' in optimizer ? optimizer : { flavour: 'expand' }, true);
  return layers.map((layer) => ({
    name: layer.name,
    sharing: sharingOf(layer),
    aSize: layer.inputs + (layer.bias ? 1 : 0),
    gSize: layer.outputs / layer.groups,
    flavour: flavour(layer),
    groups: layer.groups,
  }));
}

/** The first pattern among a spec's exceptions that fits no layer of its model; null where there is none to complain of. */
export function unfitPattern(spec: Planned): string | null {
  if (!('layers' in spec.optimizer) || spec.optimizer.layers.length === 0) return null;
  const layers = traceLayers(spec);
  if (!layers) return null;
  const isUnfit = (exception: (typeof spec.optimizer.layers)[number]) =>
    unlessInvalid(() => flavoursOf(layers, { flavour: 'expand', layers: [exception] }, true)) === null;
  return spec.optimizer.layers.find(isUnfit)?.pattern ?? null;
}

/** Null: the model cannot be built over this data set's images. */
function traceLayers({ dataset, model }: Planned): LinearLayer[] | null {
  const { channels, height, width, classes } = findDataset(dataset.id);
  const shape = [1, channels, height, width];
  const graph = new Graph();
  const builder = new ModelBuilder(graph, new Parameters());
  const images = graph.leaf('images', shape, new Region('images', size(shape) * 4));
  const inputs = { kind: 'images', images } as const;
  return unlessInvalid(() => buildModel(builder, model, inputs, classes.length)) && builder.layers;
}

/** What `make` makes; null where it finds its input `invalid`. */
function unlessInvalid<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof KronlabError && error.code === 'invalid') return null;
    throw error;
  }
}
