/** Keeps what a page shows only for a moment: a short run may pass between two looks at it. */
import type { Page } from '@playwright/test';

/**
 * Notes every text that elements matching `selector` show from now on, white space collapsed; the answer reads the
 * different texts so far. A reload of the page ends it.
 */
export async function recordTexts(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const seen = await page.evaluateHandle((wanted) => {
    const texts = new Set<string>();
    const note = () => {
      for (const element of document.querySelectorAll(wanted)) {
        texts.add((element.textContent || '').replace(/\s+/g, ' ').trim());
      }
    };
    new MutationObserver(note).observe(document.body, {
      childList: true,
      subtree: true,
      characterData: true,
    });
    note();
    return texts;
  }, selector);
  return () => seen.evaluate((texts) => [...texts]);
}
