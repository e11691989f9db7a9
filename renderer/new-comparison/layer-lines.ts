/** Flavours of single layers as text: a line per exception, `blocks.*.mlp.in: reduce`. */
import type { KfacSpec } from '../../contract/run-spec.ts';

/**
 * Exceptions in the order of their lines; empty lines say nothing. The contract judges them: a line without a colon, or
 * without anything before or behind it, becomes an entry that the contract refuses, at the place of its line.
 */
export function parseLayerLines(text: string): { pattern: string; flavour: string }[] {
  return linesOf(text).map((line) => {
    const colon = line.lastIndexOf(':');
    if (colon < 0) return { pattern: line, flavour: '' };
    return { pattern: line.slice(0, colon).trim(), flavour: line.slice(colon + 1).trim() };
  });
}

export function formatLayerLines(layers: KfacSpec['layers']): string {
  return layers.map(({ pattern, flavour }) => `${pattern}: ${flavour}`).join('\n');
}

/** What is wrong with the exception at place `index`, which the contract has refused. */
export function layerLineMistake(text: string, index: number): string {
  const line = linesOf(text)[index] ?? '';
  return `“${line}” needs a layer and a flavour (expand, reduce, auto), as in head: expand.`;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
