/** The sides of a layer's factors in the words of a table. */
import type { LayerReport } from '../../contract/runs.ts';

/** `33, 10`, `3073 in 2 blocks, 64` where a side is cut, `10, 1 × 32` where each group has its own pair. */
export function factorSides({
  aSize,
  gSize,
  aBlocks = 1,
  gBlocks = 1,
  groups = 1,
}: Pick<LayerReport, 'aSize' | 'gSize' | 'aBlocks' | 'gBlocks' | 'groups'>): string {
  const side = (size: number, blocks: number) => (blocks > 1 ? `${size} in ${blocks} blocks` : `${size}`);
  return `${side(aSize, aBlocks)}, ${side(gSize, gBlocks)}${groups > 1 ? ` × ${groups}` : ''}`;
}
