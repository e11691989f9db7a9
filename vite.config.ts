// The renderer: one page and its training worker. The browser host and the desktop shell both serve what this builds.
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { wgsl } from './tools/wgsl-vite.ts';

export default defineConfig({
  root: resolve(import.meta.dirname, 'renderer'),
  // Pages live at paths such as /runs/1: assets are named from the root, so that a reload there finds them.
  base: '/',
  plugins: [wgsl(), svelte({ configFile: resolve(import.meta.dirname, 'svelte.config.js') })],
  worker: { format: 'es', plugins: () => [wgsl()], rolldownOptions: { checks: { bundlerTimings: false } } },
  build: {
    outDir: resolve(import.meta.dirname, 'out/renderer'),
    emptyOutDir: true,
    target: 'chrome140',
    // Nothing is inlined as data: the content policy allows fonts and scripts from files of our own origin only.
    assetsInlineLimit: 0,
    // Said aloud because the desktop build would leave it off, and both hosts should serve the same files.
    minify: 'oxc',
    // The page is read from this machine's disk; one large file is no burden there.
    chunkSizeWarningLimit: 2048,
    rolldownOptions: { checks: { bundlerTimings: false } },
    modulePreload: { polyfill: false },
  },
});
