/**
 * One measured line, as `--json` prints it: the names are part of the command's contract, so they are written as they
 * appear there. The page makes rows, the command judges and prints them.
 */

export const peerNames = ['jax-js-webgpu', 'tfjs-webgpu', 'jax-js-wasm', 'tfjs-wasm'] as const;
export type PeerName = (typeof peerNames)[number];
export type SideName = 'ours' | PeerName;

export interface BenchRow {
  name: string;
  adapter: string;
  /** Median ms per call: a product, an inverse or a whole training step. */
  ours_ms: number;
  peers: Partial<Record<PeerName, number>>;
  /** jax-js on WebGPU over ours; null where it does not take part. */
  ratio: number | null;
  /** Of our side, from the floating-point operations of its kernels. */
  gflops: number | null;
  /** Interleaved rounds that our side's median is over. */
  rounds: number;
  /** Rounds of the peers; slow ones get fewer. */
  peer_rounds: Partial<Record<PeerName, number>>;
  /** The first call of each side, its compilation included. */
  first_call_ms: Partial<Record<SideName, number>>;
  /** What was compared before any time was taken: the largest disagreement found, and what was allowed. */
  agreement: Agreement | null;
  /** Launches of one training step of ours. */
  dispatches?: number;
  /** Bytes reserved for activations, and the bytes that are in use where most are. */
  planned_bytes?: number;
  live_bytes?: number;
  memory_ratio?: number;
  /** GPU objects made per step after compilation. */
  created_per_step?: Created;
  notes: string[];
}

export interface Agreement {
  of: string;
  /** Our own error where there is a reference; 0 where the peers are held against us. */
  ours: number;
  /** The largest of all sides. */
  error: number;
  tolerance: number;
}

export interface Created {
  buffers: number;
  bind_groups: number;
  pipelines: number;
}
