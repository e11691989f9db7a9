/** Group normalisation, channels last: statistics of every example over its positions and over groups of channels. */
import { KronlabError } from '../../../contract/errors.ts';
import { lastAxis, size, type Tensor } from '../graph.ts';
import { normalise, statisticsOf, type NormLayout } from './channel-norm.ts';
import { requireShape } from './shape-rules.ts';

/**
 * Normalises x [N, ..., C] over the middle axes and over each of `groups` runs of C / groups channels, biased variance,
 * then gain and shift per channel: torch's GroupNorm, whose channels are the second axis. One group is layer
 * normalisation over everything but N, C groups are instance normalisation.
 */
export function groupNorm(x: Tensor, gain: Tensor, shift: Tensor, groups: number, eps = 1e-5): Tensor {
  const channels = lastAxis(x);
  if (x.shape.length < 2 || groups < 1 || channels % groups !== 0) {
    throw new KronlabError(
      'invalid',
      `group norm of [${x.shape.join(', ')}]: ${groups} groups do not divide ${channels} channels of examples`,
    );
  }
  requireShape('group norm', 'gain', gain, [channels]);
  requireShape('group norm', 'shift', shift, [channels]);
  const outer = x.shape[0] ?? 1;
  const layout: NormLayout = { outer, rows: size(x.shape.slice(1, -1)), channels, groups };
  return normalise(x, statisticsOf(x, layout), gain, shift, { layout, eps, frozen: false });
}
