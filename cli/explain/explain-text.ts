/** A compiled step as tables for a terminal: totals, phases, then every kernel with what was fused into it. */
import { formatCount, formatSignificant } from '../../training/charts/format.ts';
import { textTable, type Column } from '../text-table.ts';
import type { ExplainedGroup, ExplainedKernel, ExplainedProgram } from './explain-program.ts';

const left = (head: string): Column => ({ head, align: 'left' });
const right = (head: string): Column => ({ head, align: 'right' });

export function explainLines({ group, adapter, parameters, training, evaluation }: ExplainedGroup): string[] {
  return [
    `${group} on ${adapter}: ${formatCount(parameters)} parameters`,
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
    `One evaluation of the whole validation set: ${totals(evaluation)}`,
    memory(evaluation),
    '',
  ];
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

function formatFlops(flops: number): string {
  return `${scaled(flops, 1000, ['', 'k', 'M', 'G', 'T'])}FLOP`;
}

function formatBytes(bytes: number): string {
  return `${scaled(bytes, 1024, ['', 'Ki', 'Mi', 'Gi', 'Ti'])}B`;
}

function scaled(value: number, base: number, prefixes: readonly string[]): string {
  let number = value;
  let at = 0;
  for (; number >= base && at + 1 < prefixes.length; at++) number /= base;
  return `${formatSignificant(number)} ${prefixes[at]}`;
}
