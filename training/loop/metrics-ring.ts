/**
 * Metrics stay on the GPU until they are worth a read-back: every step writes a row of a ring, the host copies the
 * rows out every few steps. One more row, behind the ring, takes the result of an evaluation.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { sumMiddle } from '../../gpu-kernels/reduce/sum-middle.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import rowSource from './metrics-row.wgsl';

export interface MetricsRow {
  loss: number;
  /** Share of right predictions; 0 for regression. */
  accuracy: number;
}

/** What a row is made of: M terms, and M hits where there are any. */
export type CountedTerms = Pick<Loss, 'terms' | 'hits' | 'termCount'>;

/** Steps whose rows can wait on the GPU. */
export const ringSlots = 64;
const evaluationSlot = ringSlots;

export class MetricsRing {
  private readonly gpu: GpuContext;
  private readonly region: Region;

  constructor(gpu: GpuContext) {
    this.gpu = gpu;
    this.region = uploadTable(gpu, 'metrics ring', new Float32Array((ringSlots + 1) * 4));
  }

  /** Has a program write the mean of its loss terms into the row of the step, or into the evaluation's row. */
  addRow(graph: Graph, step: StepUniform, loss: CountedTerms, isEvaluation = false): void {
    const inputs = loss.hits ? [loss.terms, loss.hits] : [loss.terms];
    graph.effect('metrics', inputs, (lowering) => {
      const mean = (tensor: Tensor) => {
        const y = lowering.scratch('mean', 4);
        const scratch = (label: string, words: number) => lowering.scratch(label, words);
        const scale = 1 / loss.termCount;
        const x = lowering.region(tensor);
        return {
          y,
          launches: sumMiddle({
            label: 'mean',
            x,
            y,
            outer: 1,
            length: loss.termCount,
            inner: 1,
            scale,
            scratch,
          }),
        };
      };
      const means = mean(loss.terms);
      const hits = loss.hits ? mean(loss.hits) : means;
      return [
        ...means.launches,
        ...(loss.hits ? hits.launches : []),
        {
          label: 'metrics row',
          code: [stepScalarsSource, rowSource].join('\n'),
          bindings: [
            { name: 'means', type: 'array<f32>', region: means.y, write: false },
            { name: 'hits', type: 'array<f32>', region: hits.y, write: false },
            { name: 'ring', type: 'array<vec4f>', region: this.region, write: true },
          ],
          params: {
            type: 'Params',
            data: Uint32Array.of(isEvaluation ? evaluationSlot + 1 : 0, loss.hits ? 1 : 0),
          },
          step,
          workgroups: [1, 1, 1],
          flops: 0,
        },
      ];
    });
  }

  /** Reads the ring, and other small regions with it in the same map. */
  async read(
    others: readonly Region[],
  ): Promise<{ rows: MetricsRow[]; evaluation: MetricsRow; others: ArrayBuffer[] }> {
    const [ring, ...rest] = await readRegions(this.gpu, [this.region, ...others]);
    const values = new Float32Array(ring ?? new ArrayBuffer(0));
    const row = (slot: number): MetricsRow => ({
      loss: values[slot * 4] ?? Number.NaN,
      accuracy: values[slot * 4 + 1] ?? Number.NaN,
    });
    return {
      rows: Array.from({ length: ringSlots }, (_, slot) => row(slot)),
      evaluation: row(evaluationSlot),
      others: rest,
    };
  }
}
