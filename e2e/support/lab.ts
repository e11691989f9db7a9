/**
 * What every end-to-end test starts from: a browser host on an empty data folder of its own, and a page that fails
 * the test when the app logs an error, throws, or is stopped by its content policy, whatever else the test looks at.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test as base, type Page } from '@playwright/test';
import { startBrowserHost } from '../../tools/browser-host.ts';

export interface Lab {
  /** The address with its one-time token. */
  url: string;
  dataDir: string;
}

interface Fixtures {
  lab: Lab;
  /** Complaints of the page so far; a test that provokes one on purpose empties the list. */
  complaints: string[];
  /** A page on which the lab is open. */
  labPage: Page;
}

/** Collects everything a page complains about. Must be called before the page goes anywhere. */
async function listen(page: Page, complaints: string[]): Promise<void> {
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  await page.exposeFunction('reportPolicyViolation', (text: string) =>
    complaints.push(`content policy: ${text}`),
  );
  await page.addInitScript(() => {
    const report = (globalThis as unknown as { reportPolicyViolation: (text: string) => void })
      .reportPolicyViolation;
    document.addEventListener('securitypolicyviolation', (event) =>
      report(
        `${event.violatedDirective} refused ${event.blockedURI} in ${event.sourceFile || 'the page'}:${event.lineNumber}`,
      ),
    );
  });
}

export const test = base.extend<Fixtures>({
  lab: async ({}, use) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'kronlab-e2e-'));
    const host = await startBrowserHost(dataDir);
    await use({ url: host.url, dataDir });
    const code = await host.stop();
    await rm(dataDir, { recursive: true, force: true });
    expect(code, 'the browser host ends cleanly').toBe(0);
  },
  complaints: async ({}, use) => {
    const complaints: string[] = [];
    await use(complaints);
    expect(complaints, 'the page has nothing to complain about').toEqual([]);
  },
  labPage: async ({ page, lab, complaints }, use) => {
    await listen(page, complaints);
    await page.goto(lab.url);
    await use(page);
  },
});

export { expect };
