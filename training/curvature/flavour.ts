/** Which of the two ways a layer's positions enter its factors. */
import { KronlabError } from '../../contract/errors.ts';
import { factorSettings } from '../../contract/optimizer-family.ts';
import type { KfacSpec, OptimizerSpec } from '../../contract/run-spec.ts';
import type { LayerReport } from '../../contract/runs.ts';
import type { LinearLayer } from '../models/layers.ts';

export type Flavour = 'expand' | 'reduce';

/** The flavours of a layer's two factors, which differ for attention keys only. */
export interface FactorFlavours {
  a: Flavour;
  g: Flavour;
}

export type FlavoursOf = (layer: LinearLayer) => FactorFlavours;

/** Both factors alike. */
export function bothSides(flavour: Flavour): FactorFlavours {
  return { a: flavour, g: flavour };
}

export interface ExplainedFlavour {
  /** Of G, and of A but for keys. */
  flavour: Flavour;
  /** Of A. */
  inputs: Flavour;
  /** In a few words. */
  why: string;
}

/**
 * The flavour a layer takes. `auto` reduces where the loss pools the positions and expands where it has a term per position.
 * Softmax attention ignores a shift of all keys, so the sum over positions of a key's gradient, which reduce builds G
 * from, is exactly zero: G of key projections always expands, and their A alone takes the flavour that is wanted, as that
 * of the query and value beside them, which is then one matrix. Embeddings always expand as well, because only then do one-hot
 * vectors have a diagonal A.
 */
export function explainFlavour(
  layer: LinearLayer,
  wanted: KfacSpec['flavour'],
  lossPools: boolean,
): ExplainedFlavour {
  const both = (flavour: Flavour, why: string): ExplainedFlavour => ({ flavour, inputs: flavour, why });
  if (layer.uses.some(({ source }) => source.kind === 'ids')) {
    return both('expand', 'one-hot inputs: A is diagonal');
  }
  if (layer.isAttentionKey) {
    const inputs = wanted === 'auto' ? automatic(lossPools) : wanted;
    return { flavour: 'expand', inputs, why: 'key: its summed gradients are zero' };
  }
  if (wanted !== 'auto') return both(wanted, 'as set');
  return both(
    automatic(lossPools),
    lossPools ? 'auto: one loss term per example' : 'auto: a loss term per position',
  );
}

function automatic(lossPools: boolean): Flavour {
  return lossPools ? 'reduce' : 'expand';
}

export interface FlavourSettings {
  flavour: KfacSpec['flavour'];
  /** Exceptions by layer name, `*` standing for any characters; the last that fits decides. */
  layers?: readonly { pattern: string; flavour: KfacSpec['flavour'] }[];
}

/**
 * The flavours of every layer of a model, exceptions included. What expand alone can do (G of keys, embeddings) stays expand
 * whatever the exceptions say; one for a key decides over its A. Throws `invalid` for a pattern that fits no layer.
 */
export function flavoursOf(
  layers: readonly LinearLayer[],
  settings: FlavourSettings,
  lossPools: boolean,
): FlavoursOf {
  const explained = explainFlavours(layers, settings, lossPools);
  return (layer) => {
    const { inputs, flavour } = explained(layer);
    return { a: inputs, g: flavour };
  };
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
