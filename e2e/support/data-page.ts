/** The page of data sets, and an import as a person does it. */
import type { Locator, Page } from '@playwright/test';

/** A file as an upload gets it. */
export interface UploadedFile {
  name: string;
  content: string | Uint8Array;
}

export class DataPage {
  readonly page: Page;
  readonly list: Locator;
  readonly panel: Locator;

  constructor(page: Page) {
    this.page = page;
    this.list = page.getByRole('region', { name: 'All data sets' });
    this.panel = page.getByRole('region', { name: /^Import / });
  }

  /** Goes there by the navigation. */
  async open(): Promise<void> {
    await this.page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: /^Data sets/ })
      .click();
    await this.page.getByRole('heading', { name: 'Data sets', level: 1 }).waitFor();
  }

  card(name: string): Locator {
    return this.list.getByRole('link', { name });
  }

  async startImport(): Promise<void> {
    await this.page.getByRole('button', { name: 'Import', exact: true }).click();
    await this.panel.waitFor();
  }

  /** Chooses files; answers when they have been looked at. */
  async chooseFiles(files: readonly UploadedFile[]): Promise<void> {
    await this.offerFiles(files);
    await this.panel.getByRole('heading', { name: 'Preview' }).waitFor();
  }

  /** Chooses files, whatever the panel makes of them. */
  async offerFiles(files: readonly UploadedFile[]): Promise<void> {
    const chosen = this.page.waitForEvent('filechooser');
    await this.panel.getByRole('button', { name: 'Choose files' }).click();
    await (
      await chosen
    ).setFiles(
      files.map(({ name, content }) => ({
        name,
        mimeType: 'application/octet-stream',
        buffer: Buffer.from(content),
      })),
    );
  }

  /** Chooses a folder of this machine. */
  async chooseFolder(path: string): Promise<void> {
    const chosen = this.page.waitForEvent('filechooser');
    await this.panel.getByRole('button', { name: 'Choose a folder' }).click();
    await (await chosen).setFiles(path);
    await this.panel.getByRole('heading', { name: 'Preview' }).waitFor();
  }

  /** Imports what was chosen; the report is shown then. */
  async importIt(): Promise<void> {
    await this.panel.getByRole('button', { name: 'Import', exact: true }).click();
    await this.panel.getByRole('link', { name: 'Show it' }).waitFor();
  }
}
