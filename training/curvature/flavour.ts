/** Which of the two ways a layer's positions enter its factors. */
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { LinearLayer } from '../models/layers.ts';

export type Flavour = 'expand' | 'reduce';

/**
 * The flavour a layer takes. Softmax attention ignores a shift of all keys, so the sum over positions of a key's
 * gradient, which reduce builds G from, is exactly zero: key projections always expand. So do embeddings, whose one-hot
 * vectors have a diagonal A only under expand. `auto` reduces where the loss
 * pools the positions and expands where it has a term per position.
 */
export function flavourOf(layer: LinearLayer, wanted: KfacSpec['flavour'], lossPools: boolean): Flavour {
  if (layer.isAttentionKey || layer.uses.some(({ source }) => source.kind === 'ids')) return 'expand';
  if (wanted === 'auto') return lossPools ? 'reduce' : 'expand';
  return wanted;
}
