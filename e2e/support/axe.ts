/** Accessibility faults of what a page shows at the moment, as axe-core finds them. */
import type { Page } from '@playwright/test';
import axe from 'axe-core';

/** One line a fault: the rule, what is wrong, and where. Works under the app's content policy. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which no content policy stops.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const injected = (globalThis as unknown as { axe: typeof axe }).axe;
    const { violations: found } = await injected.run(document, { resultTypes: ['violations'] });
    return found.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(
        (node) => `${node.target.join(' ')} (${node.any[0]?.message ?? node.all[0]?.message ?? ''})`,
      ),
    }));
  });
  return violations.flatMap(({ id, help, where }) => where.map((place) => `${id}: ${help}: ${place}`));
}
