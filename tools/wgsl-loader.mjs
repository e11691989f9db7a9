// Lets Node import `.wgsl` files as text, as Vite does for the app, so that the command line, the browser host and
// the benchmarks run from source: node --import ./tools/wgsl-loader.mjs cli/main.ts
import { registerHooks } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.wgsl')) return nextLoad(url, context);
    const source = `export default ${JSON.stringify(readFileSync(fileURLToPath(url), 'utf8'))};`;
    return { format: 'module', source, shortCircuit: true };
  },
});
