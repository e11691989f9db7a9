/** Keeps labels at line ends readable: pushed apart until no two overlap, in the order of their lines. */

/**
 * Positions at least `gap` apart, in the order of `wanted`, each as near to its wish as the others allow (least
 * squares, by merging neighbours that collide), and inside `[low, high]` where they fit.
 */
export function spreadLabels(
  wanted: readonly number[],
  gap: number,
  low = -Infinity,
  high = Infinity,
): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const blocks: { sum: number; members: number[]; top: number }[] = [];
  for (const index of order) {
    let block = { sum: wanted[index]!, members: [index], top: wanted[index]! };
    for (let above = blocks.at(-1); above !== undefined; above = blocks.at(-1)) {
      if (above.top + above.members.length * gap <= block.top) break;
      blocks.pop();
      block = mergeBlocks(above, block, gap);
    }
    blocks.push(block);
  }
  const result = [...wanted];
  for (const block of blocks) block.members.forEach((index, i) => (result[index] = block.top + i * gap));
  clampOrdered(result, order, gap, low, high);
  return result;
}

/** `sum` adds up what each member wishes for the top of the block, so their mean is the best top. */
function mergeBlocks(
  above: { sum: number; members: number[] },
  below: { sum: number; members: number[] },
  gap: number,
): { sum: number; members: number[]; top: number } {
  const sum = above.sum + below.sum - below.members.length * above.members.length * gap;
  const members = [...above.members, ...below.members];
  return { sum, members, top: sum / members.length };
}

function clampOrdered(
  positions: number[],
  order: readonly number[],
  gap: number,
  low: number,
  high: number,
): void {
  let limit = high;
  for (const index of order.toReversed()) {
    positions[index] = Math.min(positions[index]!, limit);
    limit = positions[index] - gap;
  }
  limit = low;
  for (const index of order) {
    positions[index] = Math.max(positions[index]!, limit);
    limit = positions[index] + gap;
  }
}
