/** The comparison: its sentence, both charts with the target line, the table, the export menu. */
import type { Download, Locator, Page } from '@playwright/test';

export class ComparePage {
  readonly page: Page;
  readonly verdict: Locator;
  readonly target: Locator;
  readonly result: Locator;

  constructor(page: Page) {
    this.page = page;
    this.verdict = page.locator('p.verdict');
    this.target = page.getByRole('slider', { name: /^Target/ });
    this.result = page.getByRole('region', { name: /^To reach/ });
  }

  chart(name: RegExp): Locator {
    return this.page.getByRole('group', { name });
  }

  row(group: string): Locator {
    return this.result
      .getByRole('row')
      .filter({ has: this.page.getByRole('link', { name: group, exact: true }) });
  }

  /** A cell of a group's row by the head of its column; only columns in front of the first ratio. */
  async cell(group: string, column: 'Reached' | 'Steps'): Promise<string> {
    const heads = await this.result.getByRole('columnheader').allInnerTexts();
    const text = await this.row(group).getByRole('cell').nth(heads.indexOf(column)).innerText();
    return text.replace(/\s+/g, ' ').trim();
  }

  /** Exports with one entry of the menu and answers the files that arrive. */
  async export(entry: string | RegExp, files: number): Promise<Download[]> {
    const downloads: Download[] = [];
    const arrived = new Promise<void>((resolve) => {
      this.page.on('download', (download) => {
        downloads.push(download);
        if (downloads.length === files) resolve();
      });
    });
    await this.openExportMenu();
    await this.page.getByRole('menuitem', { name: entry }).click();
    await arrived;
    return downloads;
  }

  async openExportMenu(): Promise<Locator> {
    await this.page.getByRole('button', { name: 'Export', exact: true }).click();
    const menu = this.page.getByRole('menu');
    await menu.waitFor();
    return menu;
  }
}
