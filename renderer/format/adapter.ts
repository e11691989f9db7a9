/** The adapter's name in the few characters of a badge. */
import type { Environment } from '../../contract/runs.ts';

/** `Google SwiftShader (software)` -> `SwiftShader`; `NVIDIA GeForce RTX 4070` -> `RTX 4070`. */
export function adapterName(environment: Environment): string {
  const name = environment.adapter
    .replace(/\s*\((?:software|subzero|llvm[^)]*|0x[0-9a-f]+)\)/gi, '')
    .replace(/^(?:google|nvidia|amd|intel|apple|ati)\s+(?:geforce\s+|radeon\s+)?/i, (vendor) =>
      /^(?:google|nvidia)/i.test(vendor) ? '' : vendor,
    )
    .trim();
  return name === '' ? environment.adapter : name;
}
