/**
 * The inner dimension of a convolution's products, step by step: which number of a window each step multiplies with which
 * number of the weight. Worked out once per program, it spares the kernels all loops over taps and every division.
 */
import type { Padding } from './padding.ts';
import type { ConvolutionShape, Pair } from './window.ts';

export interface Steps {
  /** Phases of the stride, down and across: results in different phases see different taps. */
  phases: Pair;
  /** Steps of all phases together, each phase filled up to whole quads. */
  count: number;
  /**
   * First the step that each phase begins with and the end of the last; then each step's offset in the padded source;
   * then its place in a group's weight for output 0, or `none`.
   */
  table: Uint32Array;
}

/** A step that only fills a quad: its weight is zero. */
const none = 0xffffffff;

interface Step {
  offset: number;
  weight: number;
}

/** Steps of the forward product: taps in order, the channels of a tap side by side as in the image. */
export function forwardSteps({ window, channels, groups }: ConvolutionShape, { padded }: Padding): Steps {
  const inGroup = channels / groups;
  const [kh, kw] = window.kernel;
  const steps: Step[] = [];
  for (let y = 0; y < kh; y++)
    for (let x = 0; x < kw; x++)
      for (let c = 0; c < inGroup; c++) {
        const pixel = y * window.dilation[0] * padded[1] + x * window.dilation[1];
        steps.push({ offset: pixel * channels + c, weight: (c * kh + y) * kw + x });
      }
  return tabulate([1, 1], [steps]);
}

/** Steps of the input gradient: for each phase of the stride the taps that lead from there to an output. */
export function gradientSteps(
  { window, channels, outputs, groups }: ConvolutionShape,
  { margin, padded }: Padding,
): Steps {
  const inGroup = outputs / groups;
  const [kh, kw] = window.kernel;
  const filter = (channels / groups) * kh * kw;
  const phase = (phaseY: number, phaseX: number): Step[] => {
    const steps: Step[] = [];
    for (const [tapY, y] of dividing(kh, phaseY, 0))
      for (const [tapX, x] of dividing(kw, phaseX, 1))
        for (let o = 0; o < inGroup; o++) {
          const pixel = (margin[0] + y) * padded[1] + margin[1] + x;
          steps.push({ offset: pixel * outputs + o, weight: o * filter + tapY * kw + tapX });
        }
    return steps;
  };
  const dividing = (kernel: number, at: number, axis: 0 | 1): [tap: number, output: number][] =>
    Array.from({ length: kernel }, (_, tap): [number, number] => {
      return [tap, (at + window.padding[axis] - tap * window.dilation[axis]) / window.stride[axis]];
    }).filter(([, output]) => Number.isInteger(output));
  const [down, across] = window.stride;
  const phases = Array.from({ length: down * across }, (_, i) => phase(Math.floor(i / across), i % across));
  return tabulate([down, across], phases);
}

function tabulate(phases: Pair, steps: Step[][]): Steps {
  const starts = [0];
  const all: Step[] = [];
  for (const phase of steps) {
    all.push(...phase);
    while (all.length % 4 !== 0) all.push({ offset: 0, weight: none });
    starts.push(all.length);
  }
  const table = Uint32Array.from([
    ...starts,
    ...all.map(({ offset }) => offset),
    ...all.map(({ weight }) => weight),
  ]);
  return { phases, count: all.length, table };
}
