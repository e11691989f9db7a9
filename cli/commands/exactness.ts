/** `kronlab exactness`: the paper's propositions, proved on this machine's adapter. */
import { KronlabError } from '../../contract/errors.ts';
import type { Command } from '../command.ts';
import { openNodeContext } from '../gpu.ts';
import { readOptions } from '../options.ts';

export const exactnessCommand: Command = {
  name: 'exactness',
  summary: 'compare K-FAC with exact curvature where the paper says it is exact',
  help: `kronlab exactness [--json] [--seed N]

Builds deep linear nets with shared weights on the GPU, in both settings of the paper (a loss term per position, or
positions pooled first; mean, sum and unequal pooling; groups of unequal size; a full covariance), computes for every
layer the exact block of the generalised Gauss-Newton matrix and both approximations, and prints the relative errors
beside what the paper's propositions say. Exit code 1 where they differ.

  --seed N   other weights, inputs and targets (default 0)
  --json     an array of { net, setting, pooling, flavour, layer, relativeError, expected } on stdout`,

  async run(args, { terminal }) {
    const { values } = readOptions('exactness', args, {
      json: { type: 'boolean' },
      seed: { type: 'string' },
    });
    const seed = readSeed(values.seed);
    const gpu = await openNodeContext();
    // Loaded here and not above: the engine is large, and most commands do without it.
    const [{ linearNets }, { measureNet }, { describeExactness, isAsExpected }] = await Promise.all([
      import('../exactness/linear-nets.ts'),
      import('../exactness/measure.ts'),
      import('../exactness/report.ts'),
    ]);
    const rows = [];
    for (const net of linearNets) rows.push(...(await measureNet(gpu, net, seed)));
    if (values.json) terminal.out(`${JSON.stringify(rows, null, 2)}\n`);
    else terminal.out(`${describeExactness(gpu.name, rows).join('\n')}\n`);
    gpu.device.destroy();
    return rows.every(isAsExpected) ? 0 : 1;
  },
};

function readSeed(given: string | undefined): number {
  const seed = Number(given ?? 0);
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff) return seed;
  throw new KronlabError(
    'invalid',
    `exactness: --seed is ${given}; it must be a whole number from 0 to 4294967295`,
  );
}
