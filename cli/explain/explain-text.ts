/** A compiled step as tables for a terminal: layers, totals, phases, then every kernel with what was fused into it. */
import { formatCount, formatFlops, formatSignificant } from '../../training/charts/format.ts';
import type { LayerPlan } from '../../training/curvature/layer-plan.ts';
import { textTable, type Column } from '../text-table.ts';
import type { ExplainedGroup, ExplainedKernel, ExplainedProgram } from './explain-program.ts';

const left = (head: string): Column => ({ head, align: 'left' });
const right = (head: string): Column => ({ head, align: 'right' });

export function explainLines(explained: ExplainedGroup): string[] {
  const { group, adapter, parameters, layers, warnings, training, evaluation, steps } = explained;
  return [
    `${group} on ${adapter}: ${formatCount(parameters)} parameters`,
    ...warnings.map((warning) => `Warning: ${warning}`),
    '',
    ...layerTable(layers),
    `For a batch of ${formatCount(explained.batchSize)}; factors: one update, and one copy of both.`,
    '',
    `One training step: ${totals(training)}`,
    memory(training),
    '',
    ...textTable(
      [left('phase'), right('dispatches'), right('FLOPs'), right('bytes bound')],
      training.phases.map(({ phase, dispatches, flops, bytes }) => [
        phase,
        String(dispatches),
        formatFlops(flops),
        formatBytes(bytes),
      ]),
    ),
    '',
    ...textTable(
      [
        left('phase'),
        left('kernel'),
        left('computes'),
        right('workgroups'),
        right('times'),
        right('FLOPs'),
        right('bytes bound'),
      ],
      training.kernels.map(kernelRow),
    ),
    '',
    ...(evaluation === null
      ? []
      : [`One evaluation of the whole validation set: ${totals(evaluation)}`, memory(evaluation), '']),
    ...steps.map(
      ({ loss, ms }, i) =>
        `Step ${i + 1} on made-up data: loss ${formatSignificant(loss)}, ${formatSignificant(ms)} ms`,
    ),
    ...(steps.length > 0 ? [''] : []),
  ];
}

function layerTable(layers: readonly LayerPlan[]): string[] {
  const side = (size: number, blocks: number) => (blocks > 1 ? `${size} in ${blocks}` : String(size));
  return textTable(
    [
      left('layer'),
      right('parameters'),
      right('output'),
      right('R'),
      right('A'),
      right('G'),
      right('FLOPs'),
      right('expand'),
      right('reduce'),
      right('output bytes'),
      right('factor bytes'),
      left('flavour'),
    ],
    layers.map((plan) => [
      plan.groups > 1 ? `${plan.name} (${plan.groups} groups)` : plan.name,
      formatCount(plan.parameters),
      plan.output.join(' x '),
      formatSignificant(plan.sharing),
      side(plan.aSize, plan.aBlocks),
      side(plan.gSize, plan.gBlocks),
      formatFlops(plan.stepFlops),
      formatFlops(plan.expandFlops),
      formatFlops(plan.reduceFlops),
      formatBytes(plan.outputBytes),
      formatBytes(plan.factorBytes),
      `${plan.flavour} (${plan.why})`,
    ]),
  );
}

function kernelRow(kernel: ExplainedKernel): string[] {
  return [
    kernel.phase,
    kernel.kernel,
    kernel.operations.join(' + '),
    kernel.workgroups.join(' x '),
    String(kernel.repeats),
    formatFlops(kernel.flops),
    formatBytes(kernel.bytes),
  ];
}

function totals({ dispatches, operations, flops }: ExplainedProgram): string {
  return `${formatCount(operations)} operations in ${formatCount(dispatches)} dispatches, ${formatFlops(flops)}`;
}

function memory({ plannedBytes, largestLiveBytes }: ExplainedProgram): string {
  const ratio = largestLiveBytes === 0 ? 1 : plannedBytes / largestLiveBytes;
  return (
    `Intermediate tensors: ${formatBytes(plannedBytes)} planned, ${formatBytes(largestLiveBytes)} alive at most ` +
    `(${ratio.toFixed(3)}x)`
  );
}

function formatBytes(bytes: number): string {
  const prefixes = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
  let number = bytes;
  let at = 0;
  for (; number >= 1024 && at + 1 < prefixes.length; at++) number /= 1024;
  return `${formatSignificant(number)} ${prefixes[at]}B`;
}
