/** Which of the two ways a layer's positions enter its factors. */
import { KronlabError } from '../../contract/errors.ts';
import { factorSettings } from '../../contract/optimizer-family.ts';
import type { KfacSpec, OptimizerSpec } from '../../contract/run-spec.ts';
import type { LayerReport } from '../../contract/runs.ts';
import type { LinearLayer } from '../models/layers.ts';

export type Flavour = 'expand' | 'reduce';

/**
 * The flavour a layer takes. Softmax attention ignores a shift of all keys, so the sum over positions of a key's gradient, which
 * reduce builds G from, is exactly zero: G of key projections always expands; their A is that of the query and value beside
 * them. Embeddings always expand as well, because only then do one-hot vectors have a diagonal A. `auto` reduces where the
 * loss pools the positions and expands where it has a term per position.
 */
export function flavourOf(layer: LinearLayer, wanted: KfacSpec['flavour'], lossPools: boolean): Flavour {
  return explainFlavour(layer, wanted, lossPools).flavour;
}

function explainFlavour(
  layer: LinearLayer,
  wanted: KfacSpec['flavour'],
  lossPools: boolean,
): ExplainedFlavour {
  if (layer.isAttentionKey) return { flavour: 'expand', why: 'key: its summed gradients are zero' };
  if (layer.uses.some(({ source }) => source.kind === 'ids')) {
    return { flavour: 'expand', why: 'one-hot inputs: A is diagonal' };
  }
  if (wanted !== 'auto') return { flavour: wanted, why: 'as set' };
  if (lossPools) return { flavour: 'reduce', why: 'auto: one loss term per example' };
  return { flavour: 'expand', why: 'auto: a loss term per position' };
}

export interface ExplainedFlavour {
  flavour: Flavour;
  /** In a few words. */
  why: string;
}

export interface FlavourSettings {
  flavour: KfacSpec['flavour'];
  /** Exceptions by layer name, `*` standing for any characters; the last that fits decides. */
  layers?: readonly { pattern: string; flavour: KfacSpec['flavour'] }[];
}

/**
 * The flavour of every layer of a model, exceptions included. What expand alone can do (keys, embeddings) stays expand
 * whatever the exceptions say. Throws `invalid` for a pattern that fits no layer.
 */
export function flavoursOf(
  layers: readonly LinearLayer[],
  settings: FlavourSettings,
  lossPools: boolean,
): (layer: LinearLayer) => Flavour {
  const explained = explainFlavours(layers, settings, lossPools);
  return (layer) => explained(layer).flavour;
}

/** As `flavoursOf`, with the reason. */
export function explainFlavours(
  layers: readonly LinearLayer[],
  settings: FlavourSettings,
  lossPools: boolean,
): (layer: LinearLayer) => ExplainedFlavour {
  const exceptions = (settings.layers ?? []).map(({ pattern, flavour }, i) => {
    const fits = matcher(pattern);
    if (!layers.some(({ name }) => fits(name))) {
      const names = layers.map(({ name }) => name).join(', ');
      throw new KronlabError(
        'invalid',
        `optimizer.layers.${i}.pattern: ${pattern} fits no layer; the layers are ${names}`,
      );
    }
    return { fits, flavour };
  });
  return (layer) => {
    const exception = exceptions.findLast(({ fits }) => fits(layer.name));
    return explainFlavour(layer, exception?.flavour ?? settings.flavour, lossPools);
  };
}

/** Reports of layers with the reasons for their flavours. */
export function withReasons(
  reports: readonly LayerReport[],
  layers: readonly LinearLayer[],
  optimizer: OptimizerSpec,
  lossPools: boolean,
): LayerReport[] {
  const settings = factorSettings(optimizer);
  if (!settings) return [...reports];
  const explained = explainFlavours(layers, settings, lossPools);
  const reasons = new Map(layers.map((layer) => [layer.name, explained(layer).why]));
  return reports.map((report) => ({ ...report, why: reasons.get(report.name) }));
}

function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return (name) => expression.test(name);
}
