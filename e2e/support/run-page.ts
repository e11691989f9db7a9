/** The page of one run: how far it is, what is saved, its buttons. */
import { expect, type Locator, type Page } from '@playwright/test';

/** How long a few dozen steps may take where the processor plays the GPU and has other things to do. */
export const trainingLimitMs = 120_000;

export class RunPage {
  readonly page: Page;
  readonly status: Locator;
  readonly strip: Locator;
  readonly events: Locator;

  constructor(page: Page) {
    this.page = page;
    this.status = page.locator('.topbar .badge').first();
    this.strip = page.locator('.strip');
    this.events = page.getByRole('list', { name: 'Events' });
  }

  /** The run's id, from the address. */
  get id(): string {
    return decodeURIComponent(new URL(this.page.url()).pathname.split('/')[2] ?? '');
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name: new RegExp(`^${name}`) });
  }

  chart(name: RegExp): Locator {
    return this.page.getByRole('group', { name });
  }

  /** Steps done, as shown. */
  async step(): Promise<number> {
    const text = await this.strip
      .getByText(/ of .* steps$/)
      .first()
      .innerText();
    return readCount(text.split(' of ')[0] ?? '');
  }

  /** The step up to which the store has answered "saved"; null when the page does not show one. */
  async savedStep(): Promise<number | null> {
    const stat = this.strip.locator('.stat', { hasText: 'saved up to step' }).locator('.v');
    return (await stat.count()) === 0 ? null : readCount(await stat.innerText());
  }

  async waitForSavedStep(atLeast: number): Promise<number> {
    await expect
      .poll(async () => (await this.savedStep()) ?? 0, { timeout: trainingLimitMs })
      .toBeGreaterThanOrEqual(atLeast);
    return (await this.savedStep()) ?? 0;
  }

  /** Waits until every run of the comparison that was started here is over. */
  async waitForAllDone(): Promise<void> {
    await expect(this.page.getByText(/All runs of .* are done\./)).toBeVisible({ timeout: trainingLimitMs });
  }
}

/** `1 240` with any kind of space between the thousands. */
export function readCount(text: string): number {
  return Number(text.replace(/\s/g, ''));
}
