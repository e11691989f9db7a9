// Vite's half of importing `.wgsl` files as text; `tools/wgsl-loader.mjs` is Node's half.
import type { Plugin } from 'vite';

export function wgsl(): Plugin {
  return {
    name: 'kronlab-wgsl',
    transform(code, id) {
      if (!id.endsWith('.wgsl')) return null;
      return { code: `export default ${JSON.stringify(code)};`, map: null };
    },
  };
}
