import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { importDirection } from './import-direction.ts';
import { rooms } from './rooms.ts';

/** Lints one line as the given file of the project, through the real parser and the real rule. */
function complaints(file: string, code: string): string[] {
  const linter = new Linter({ configType: 'flat', cwd: '/project' });
  const messages = linter.verify(
    code,
    {
      files: ['**/*.ts'],
      languageOptions: { parser: tseslint.parser },
      plugins: { kronlab: { rules: { 'import-direction': importDirection } } },
      rules: { 'kronlab/import-direction': 'error' },
    },
    `/project/${file}`,
  );
  return messages.map((message) => message.message);
}

describe('import-direction', () => {
  it.each([
    ['contract/api.ts', "import { a } from '../training/loop/trainer.ts'"],
    ['gpu-kernels/device.ts', "import { a } from '../training/program/graph.ts'"],
    ['gpu-kernels/device.ts', "import { a } from '../datasets/digits.ts'"],
    ['db/store.ts', "import { a } from '../main/services/app.ts'"],
    ['db/store.ts', "import { a } from '../training/statistics/target.ts'"],
    ['datasets/digits.ts', "import { a } from './node/load.ts'"],
    ['training/loop/trainer.ts', "import { a } from '../../db/store.ts'"],
    ['training/loop/trainer.ts', "import { a } from '../../datasets/node/load.ts'"],
    ['training/statistics/target.ts', "import { a } from '../loop/trainer.ts'"],
    ['renderer/pages/runs.ts', "import { a } from '../../db/store.ts'"],
    ['renderer/pages/runs.ts', "import type { A } from '../../main/services/app.ts'"],
    ['renderer/pages/runs.ts', "export * from '../../main/services/app.ts'"],
    ['renderer/pages/runs.ts', "export { a } from '../../cli/main.ts'"],
    ['renderer/pages/runs.ts', "const a = await import('../../main/services/app.ts')"],
    ['renderer/pages/runs.ts', "type A = import('../../main/services/app.ts').App"],
    ['renderer/pages/runs.test.ts', "import { a } from '../../main/services/app.ts'"],
    ['main/services/app.ts', "import { a } from '../electron/main.ts'"],
    ['main/services/app.ts', "import { a } from '../../renderer/app.ts'"],
    ['main/services/app.ts', "import { a } from '../../training/loop/trainer.ts'"],
    ['main/electron/main.ts', "import { a } from '../../db/store.ts'"],
    ['main/electron/main.ts', "import { a } from '../browser/server.ts'"],
    ['main/browser/main.ts', "import { a } from '../../tools/chromium.ts'"],
    ['cli/main.ts', "import { a } from '../renderer/app.ts'"],
    ['training/loop/trainer.ts', "import { readFile } from 'node:fs/promises'"],
    ['renderer/pages/runs.ts', "import { join } from 'path'"],
    ['main/services/app.ts', "import { app } from 'electron'"],
    ['main/browser/main.test.ts', "import { app } from 'electron'"],
    ['main/services/app.ts', "import Database from 'better-sqlite3'"],
    ['training/loop/trainer.ts', "import { create } from 'webgpu'"],
    ['cli/main.ts', "import { onMount } from 'svelte'"],
    ['cli/main.ts', "import { SvelteMap } from 'svelte/reactivity'"],
  ])('refuses in %s: %s', (file, code) => {
    expect(complaints(file, code)).toHaveLength(1);
  });

  it.each([
    ['contract/api.ts', "import { z } from 'zod'; import { a } from './errors.ts'"],
    ['training/loop/trainer.ts', "import { a } from '../../gpu-kernels/device.ts'"],
    [
      'training/loop/trainer.test.ts',
      "import { readFile } from 'node:fs/promises'; import { create } from 'webgpu'",
    ],
    ['gpu-kernels/test-gpu.ts', "const gpu = import('webgpu')"],
    ['main/services/export.ts', "import { a } from '../../training/statistics/target.ts'"],
    ['main/services/export.ts', "import { a } from '../../db/store.ts'; import { join } from 'node:path'"],
    ['main/electron/main.ts', "import { app } from 'electron'; import { a } from '../services/app.ts'"],
    ['db/store.ts', "import Database from 'better-sqlite3'"],
    [
      'renderer/pages/runs.ts',
      "import { SvelteMap } from 'svelte/reactivity'; import { a } from '../../contract/api.ts'",
    ],
    ['cli/main.ts', "import { a } from '../main/services/app.ts'; import { b } from '../goldens/node.ts'"],
    ['e2e/support/lab.ts', "import { a } from '../../tools/browser-host.ts'"],
    ['vite.config.ts', "import { wgsl } from './tools/wgsl-vite.ts'"],
    ['cli/main.ts', "import manifest from '../package.json' with { type: 'json' }"],
  ])('allows in %s: %s', (file, code) => {
    expect(complaints(file, code)).toEqual([]);
  });

  it('says what would be right', () => {
    expect(complaints('main/browser/main.ts', "import { a } from '../../db/store.ts'")).toEqual([
      '`main/browser` may not import `db`: imports point down only; it may import contract, main/services.',
    ]);
  });

  it('knows every room it names, and has no circle', () => {
    const byName = new Map(rooms.map((room) => [room.folder, room]));
    const below = (folder: string, path: readonly string[]): void => {
      expect(path).not.toContain(folder);
      const room = byName.get(folder);
      expect(room, folder).toBeDefined();
      for (const next of room?.mayImport ?? []) if (next !== folder) below(next, [...path, folder]);
    };
    for (const { folder } of rooms) below(folder, []);
  });
});
