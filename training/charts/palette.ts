/**
 * The light theme's colours as plain values, for files that leave the app: an SVG in a paper has no style sheet.
 * The design tokens in the window's style sheet are the original; a test holds the two equal.
 */
import { mixOklab } from './oklab.ts';

export const lightPalette = {
  paper: '#ffffff',
  ink: '#17181b',
  ink2: '#4a4d54',
  ink3: '#61646b',
  ink4: '#a3a6ab',
  onInk: '#ffffff',
  rule: '#e8e7e3',
  ruleStrong: '#d3d2cd',
  grid: '#eeeeea',
  slots: ['#434b57', '#1f66e5', '#c8400a', '#13a094', '#b8398c', '#b08b00', '#5a2bb0', '#1f5a16'],
  /** Share of a group's colour in its text label. */
  labelMix: 0.78,
  /** Opacity of a seed band. */
  band: 0.13,
} as const;

/** Colour of a slot (1 to 8); grey for groups without one. */
export function paletteColor(slot: number | null): string {
  return slot === null ? lightPalette.ink4 : (lightPalette.slots[slot - 1] ?? lightPalette.ink4);
}

/** A group's colour mixed with ink, so that its label keeps a contrast of 4.5 : 1. As CSS `color-mix(in oklab, ...)`. */
export function labelColor(color: string): string {
  return mixOklab(color, lightPalette.ink, lightPalette.labelMix);
}
