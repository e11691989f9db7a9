/** What each row has to reach on the software adapter, and whether it did. `docs/benchmarks.md` keeps the table. */
import type { BenchRow, PeerName } from './row.ts';

export interface Verdict {
  target: string;
  measured: string;
  isMet: boolean;
}

interface Target {
  text: string;
  /** What was measured and whether it is enough; null where the row does not say. */
  judge(row: BenchRow, all: readonly BenchRow[]): { measured: string; isMet: boolean } | null;
}

/** At least so many times as fast as a peer. */
function faster(peer: PeerName, factor: number): Target {
  return {
    text: factor === 1 ? `faster than ${peer}` : `>= ${factor}x ${peer}`,
    judge(row) {
      const ms = row.peers[peer];
      if (ms === undefined) return null;
      const ratio = ms / row.ours_ms;
      return { measured: `${ratio.toPrecision(3)}x`, isMet: factor === 1 ? ratio > 1 : ratio >= factor };
    },
  };
}

function dispatches(most: number): Target {
  return {
    text: `<= ${most} dispatches`,
    judge: ({ dispatches: count }) =>
      count === undefined ? null : { measured: String(count), isMet: count <= most },
  };
}

/** Within so many per cent of another row's time. */
function near(other: string, percent: number): Target {
  return {
    text: `within ${percent} % of ${other}`,
    judge(row, all) {
      const reference = all.find(({ name }) => name === other);
      if (!reference) return null;
      const off = (row.ours_ms / reference.ours_ms - 1) * 100;
      return { measured: `${off >= 0 ? '+' : ''}${off.toFixed(0)} %`, isMet: off <= percent };
    },
  };
}

const residual: Target = {
  text: 'residual <= 5e-6',
  judge: ({ agreement }) =>
    agreement && { measured: agreement.ours.toExponential(1), isMet: agreement.ours <= 5e-6 },
};

function withinMs(most: number): Target {
  return {
    text: `<= ${most} ms`,
    judge: ({ ours_ms: ms }) => ({ measured: `${ms.toFixed(0)} ms`, isMet: ms <= most }),
  };
}

const memory: Target[] = [
  {
    text: 'planned <= 1.15x live',
    judge: ({ memory_ratio: ratio }) =>
      ratio === undefined ? null : { measured: `${ratio.toFixed(3)}x`, isMet: ratio <= 1.15 },
  },
  {
    text: 'nothing made per step',
    judge({ created_per_step: created }) {
      if (!created) return null;
      const total = created.buffers + created.bind_groups + created.pipelines;
      return { measured: String(total), isMet: total === 0 };
    },
  },
];

const product = [faster('jax-js-webgpu', 2.5), faster('tfjs-webgpu', 10)];

const targets: Readonly<Record<string, readonly Target[]>> = {
  'matmul-nn-1024': product,
  'matmul-tn-1024': [...product, near('matmul-nn-1024', 15)],
  'matmul-nt-1024': [...product, near('matmul-nn-1024', 15)],
  mlp: [faster('jax-js-webgpu', 4), dispatches(20)],
  convnet: [faster('jax-js-webgpu', 5), faster('tfjs-webgpu', 30), faster('jax-js-wasm', 1)],
  vit: [faster('jax-js-webgpu', 3), dispatches(90)],
  'spd-512': [faster('jax-js-webgpu', 100), residual],
  compile: [withinMs(4000), faster('jax-js-webgpu', 1)],
  'memory-mlp': memory,
  'memory-convnet': memory,
  'memory-vit': memory,
};

/** The row's targets that it says something about. */
export function verdicts(row: BenchRow, all: readonly BenchRow[]): Verdict[] {
  return (targets[row.name] ?? []).flatMap(({ text, judge }) => {
    const found = judge(row, all);
    return found ? [{ target: text, ...found }] : [];
  });
}
