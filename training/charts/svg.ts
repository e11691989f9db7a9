/**
 * A chart as SVG text: the export's counterpart of the window's chart components, over the same layout. Plain
 * attributes and plain colours only, so that a browser, a drawing program and LaTeX show the same picture.
 */
import { dashPatterns, type Dash } from './encoding.ts';
import type { ChartLayout, ChartSeries } from './layout.ts';
import { labelColor, lightPalette } from './palette.ts';

export interface ChartSvgOptions {
  /** Unique in the document; used for the clip path. */
  id: string;
  xTitle: string;
  hideYLabels: boolean;
  /** The text on the target's tag; null: a line without a tag. */
  targetTag: string | null;
}

/** Characters that would end a text node or an attribute are written as entities; ones XML forbids are dropped. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

/** The chart as the content of one `<g>`, with its origin at the chart's top left corner. */
export function chartSvg(layout: ChartLayout, options: ChartSvgOptions): string {
  const { plot } = layout;
  return [
    ...layout.yTicks.map((tick) => rule(plot.left, tick.at, plot.right, tick.at, lightPalette.grid)),
    rule(plot.left, plot.bottom, plot.right, plot.bottom, lightPalette.ruleStrong),
    ...layout.xTicks.flatMap((tick) => [
      rule(tick.at, plot.bottom, tick.at, plot.bottom + 4, lightPalette.ruleStrong),
      text(tick.at, plot.bottom + 15, tick.text, { anchor: tick.anchor }),
    ]),
    ...(options.hideYLabels
      ? []
      : layout.yTicks.map((tick) => text(plot.left - 7, tick.at + 3.5, tick.text, { anchor: 'end' }))),
    text(plot.right, layout.height - 2, options.xTitle, { anchor: 'end', color: lightPalette.ink2 }),
    `<clipPath id="${options.id}"><rect x="${n(plot.left)}" y="0" width="${n(plot.right - plot.left)}" height="${n(plot.bottom)}"/></clipPath>`,
    `<g clip-path="url(#${options.id})" fill="none" stroke-linejoin="round">`,
    ...layout.paths.map((path) =>
      path.band === null
        ? ''
        : `<path d="${path.band}" fill="${path.series.color}" fill-opacity="${lightPalette.band}"/>`,
    ),
    ...layout.paths.flatMap((path) => [
      ...path.members.map(
        (d) => `<path d="${d}" stroke="${path.series.color}" stroke-width="1" stroke-opacity="0.6"/>`,
      ),
      path.line === '' ? '' : `<path d="${path.line}" ${strokeOf(path.series)}/>`,
    ]),
    '</g>',
    ...targetParts(layout, options),
    ...layout.marks.map(
      (mark) =>
        `<line x1="${n(mark.atX)}" x2="${n(mark.atX)}" y1="${n(mark.atY)}" y2="${n(plot.bottom)}" stroke="${mark.color}" stroke-dasharray="1.5 2.5"/>` +
        `<circle cx="${n(mark.atX)}" cy="${n(mark.atY)}" r="3.6" fill="${lightPalette.paper}" stroke="${mark.color}" stroke-width="1.8"/>`,
    ),
    ...layout.triangles.map((triangle) => trianglePart(triangle, triangle.y === plot.top)),
    ...layout.labels.flatMap((label) => [
      label.lead === null
        ? ''
        : `<path d="${label.lead}" fill="none" stroke="${label.color}" stroke-opacity="0.45" stroke-dasharray="1.5 2"/>`,
      `<text x="${n(label.x)}" y="${n(label.y + 4)}" font-size="12" font-weight="500" fill="${labelColor(label.color)}">${escapeXml(label.text)}<tspan dx="5" fill="${lightPalette.ink3}" font-weight="400">${escapeXml(label.value)}</tspan></text>`,
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** A text element in the small size of ticks, unless told otherwise. */
export function text(
  x: number,
  y: number,
  words: string,
  style: { anchor?: 'start' | 'middle' | 'end'; color?: string; size?: number; weight?: number } = {},
): string {
  const { anchor = 'start', color = lightPalette.ink3, size = 11, weight = 400 } = style;
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${color}">${escapeXml(words)}</text>`;
}

/** Stroke attributes of a group's line: colour, width and dash, in px at 16 px a rem. */
export function strokeOf(series: Pick<ChartSeries, 'color' | 'dash'>): string {
  const dashes: readonly number[] = dashPatterns[series.dash];
  const array = dashes.length === 0 ? '' : ` stroke-dasharray="${dashes.map((d) => n(d * 16)).join(' ')}"`;
  const dotted = isDotted(series.dash);
  return `stroke="${series.color}" stroke-width="${dotted ? 2.4 : 1.9}" stroke-linecap="${dotted ? 'round' : 'butt'}"${array}`;
}

function isDotted(dash: Dash): boolean {
  return dash === 'first-order';
}

function targetParts(layout: ChartLayout, options: ChartSvgOptions): string[] {
  const { plot, targetY } = layout;
  if (targetY === null) return [];
  const line = rule(plot.left, targetY, plot.right, targetY, lightPalette.ink);
  if (options.targetTag === null) return [line];
  const width = Math.max(40, options.targetTag.length * 7.2 + 6);
  return [
    line,
    `<rect x="${n(plot.left - 3 - width)}" y="${n(targetY - 8.5)}" width="${n(width)}" height="17" rx="3" fill="${lightPalette.ink}"/>`,
    text(plot.left - 3 - width / 2, targetY + 3.8, options.targetTag, {
      anchor: 'middle',
      color: lightPalette.onInk,
      weight: 600,
    }),
  ];
}

function trianglePart(triangle: ChartLayout['triangles'][number], pointsDown: boolean): string {
  const height = pointsDown ? 8 : -8;
  return `<path d="M${n(triangle.x - 4.5)} ${n(triangle.y)}l4.5 ${height} 4.5 ${-height}z" fill="${triangle.color}"><title>${escapeXml(triangle.text)}</title></path>`;
}

function rule(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${n(x1)}" x2="${n(x2)}" y1="${n(y1)}" y2="${n(y2)}" stroke="${color}"/>`;
}

function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}
