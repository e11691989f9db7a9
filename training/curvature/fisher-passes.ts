/** How many backward passes one update of the factors takes beside the training step's own. */
import { KronlabError } from '../../contract/errors.ts';
import type { KfacSpec, OptimizerSpec } from '../../contract/run-spec.ts';
import type { Loss } from '../program/operations/loss.ts';

/** T, the loss terms of an example, of the one with the most. */
export function termsPerExample({ rows, termCount, outputs }: Loss): number {
  return rows ? rows.most : termCount / (outputs.shape[0] ?? 1);
}

/** Passes for C outputs and T terms an example: C T for `type2`, C for `type2-shared`, a pass a draw, none. */
export function backwardPasses(
  fisher: KfacSpec['fisher'],
  { classes, terms, samples }: { classes: number; terms: number; samples: number },
): number {
  switch (fisher) {
    case 'mc':
      return samples;
    case 'type2':
      return classes * terms;
    case 'type2-shared':
      return classes;
    case 'empirical':
      return 0;
    default:
      throw new KronlabError('internal', `fisher: ${String(fisher satisfies never)} is none`);
  }
}

/**
 * A sentence for whoever chose `type2` where an example has several loss terms, each of which is then sent back on its own;
 * null where that is not so.
 */
export function costlyFisher(
  optimizer: OptimizerSpec,
  { classes, terms }: { classes: number; terms: number },
): string | null {
  if (terms === 1 || !takesType2(optimizer)) return null;
  const samples = optimizer.fisherSamples;
  const passes = (fisher: KfacSpec['fisher']) => backwardPasses(fisher, { classes, terms, samples });
  return (
    `Fisher type2 takes ${passes('type2')} backward passes for an update of the factors: ${classes} outputs for each ` +
    `of ${terms} loss terms. type2-shared takes ${passes('type2-shared')}, mc only ${passes('mc')}.`
  );
}

/** Whether an optimiser's factors are of the Fisher `type2`. */
export function takesType2(
  optimizer: OptimizerSpec,
): optimizer is Extract<OptimizerSpec, { fisherSamples: number }> {
  return 'fisher' in optimizer && optimizer.fisher === 'type2';
}
