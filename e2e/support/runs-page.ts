/** The history: filter line, table of groups and runs, bar of what can be done with the selected ones. */
import type { Locator, Page } from '@playwright/test';

export class RunsPage {
  readonly page: Page;
  readonly filter: Locator;
  readonly groups: Locator;
  readonly members: Locator;
  readonly selection: Locator;

  constructor(page: Page) {
    this.page = page;
    this.filter = page.getByRole('textbox', { name: 'Filter runs' });
    this.groups = page.locator('tr.group');
    this.members = page.locator('tr.member');
    this.selection = page.getByRole('toolbar', { name: 'Selected runs' });
  }

  /** Goes there by the navigation. */
  async open(): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Runs/ }).click();
    await this.page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor();
  }

  group(name: string): Locator {
    return this.groups.filter({ hasText: name });
  }

  async tick(group: string): Promise<void> {
    await this.group(group).getByRole('checkbox').check();
  }

  async unfold(group: string): Promise<void> {
    const disclosure = this.group(group).getByRole('button', { name: /^(Unfold|Fold) / });
    if ((await disclosure.getAttribute('aria-expanded')) === 'false') await disclosure.click();
  }
}
