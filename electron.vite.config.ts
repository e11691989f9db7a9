// The desktop shell: main process (ES module), preload script (one bundled CommonJS file, as a sandboxed preload must
// be) and the same renderer the browser host serves.
import { resolve } from 'node:path';
import { defineConfig } from 'electron-vite';
import type { Plugin } from 'vite';
import renderer from './vite.config.ts';
import { wgsl } from './tools/wgsl-vite.ts';

/** electron-vite names assets from the page; on /runs/1 a reload would not find them. Both hosts serve from a root. */
const assetsFromRoot: Plugin = {
  name: 'kronlab-assets-from-root',
  enforce: 'post',
  config: (config) => {
    config.base = '/';
  },
};

export default defineConfig({
  main: {
    plugins: [wgsl()],
    build: {
      outDir: 'out/main',
      rolldownOptions: {
        input: {
          main: resolve(import.meta.dirname, 'main/electron/main.ts'),
          // The thread that reads imported files; found beside `main.js`.
          'import-worker': resolve(import.meta.dirname, 'main/services/import-worker.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      // Nothing may be left to `require`: the sandbox offers the preload only Electron itself.
      externalizeDeps: false,
      rolldownOptions: {
        input: { preload: resolve(import.meta.dirname, 'main/electron/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    ...renderer,
    plugins: [renderer.plugins, assetsFromRoot],
    build: {
      ...renderer.build,
      rolldownOptions: {
        ...renderer.build?.rolldownOptions,
        input: resolve(import.meta.dirname, 'renderer/index.html'),
      },
    },
  },
});
