/** "New comparison" as a person fills it in. */
import type { Locator, Page } from '@playwright/test';

/** A comparison as the form's "Paste JSON" takes it. */
export interface ComparisonJson {
  name: string;
  seeds: number[];
  groups: { name: string; spec: Record<string, unknown> }[];
}

export class NewComparisonPage {
  readonly page: Page;
  readonly startButton: Locator;

  constructor(page: Page) {
    this.page = page;
    this.startButton = page.getByRole('button', { name: /^(Start|Add to queue)$/ });
  }

  /** Goes there by the navigation. */
  async open(): Promise<void> {
    await this.page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: 'New comparison' })
      .click();
    await this.page.getByRole('heading', { name: 'New comparison', level: 1 }).waitFor();
  }

  /** Types `value` into the field with exactly this label. */
  async fill(label: string, value: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).fill(value);
  }

  async choose(label: string, option: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).selectOption({ label: option });
  }

  /** Chooses the data set of this name, whose line says its size as well. */
  async chooseDataset(name: string): Promise<void> {
    const line = this.page.getByLabel('Dataset', { exact: true }).getByRole('option', { name });
    await this.choose('Dataset', (await line.textContent()) ?? '');
  }

  async removeOptimiser(name: string): Promise<void> {
    await this.page.getByRole('button', { name: `More for ${name}`, exact: true }).click();
    await this.page.getByRole('menuitem', { name: 'Remove' }).click();
  }

  async paste(comparison: ComparisonJson): Promise<void> {
    await this.page.getByRole('button', { name: 'Paste JSON' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Paste a comparison' });
    await dialog.getByRole('textbox').fill(JSON.stringify(comparison));
    await dialog.getByRole('button', { name: 'Fill the form' }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Starts what the form holds; the page of the first run opens. */
  async start(): Promise<void> {
    await this.startButton.click();
    await this.page.waitForURL(/\/runs\/./);
  }
}
