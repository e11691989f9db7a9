/** The compare charts as one self-contained SVG file in the light theme: the sentence, both charts, and what they show. */
import { metricDefinitions } from '../../contract/runs.ts';
import { groupRuns, type RunGroup } from '../statistics/groups.ts';
import { compare, type ComparisonInput } from '../statistics/comparison.ts';
import { plainText, timeRefusal, verdictSentence } from './verdict-sentence.ts';
import { comparisonLines, comparisonMarks } from './comparison-chart.ts';
import { encodeGroups } from './encoding.ts';
import { formatMetric } from './format.ts';
import { defaultYDomain, labelWidthRem, layoutChart, type ChartLayout, type ChartSpec } from './layout.ts';
import { lightPalette, paletteColor } from './palette.ts';
import { chartSvg, escapeXml, text } from './svg.ts';

const WIDTH = 1200;
const MARGIN = 24;
const CHART_TOP = 84;
const CHART_HEIGHT = 400;
const GAP = 16;
const FONT = 'Inter, system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif';

/** The file's text. `given`: colour slots that groups already have in the app, by group hash. */
export function comparisonSvg(input: ComparisonInput, given?: ReadonlyMap<string, number>): string {
  const comparison = compare(input);
  const { target } = comparison;
  const groups = groupRuns(input.runs, input.series, target.metric);
  const encodings = encodeGroups(groups, given);
  const lines = comparisonLines(groups, {
    metric: target.metric,
    band: 'min-max',
    encodings,
    color: paletteColor,
  });
  const marks = comparisonMarks(comparison, (hash) => paletteColor(encodings.get(hash)?.slot ?? null));
  const goal = target.op === '>=' ? 'max' : 'min';
  const shared = {
    goal,
    target: target.value,
    yDomain: defaultYDomain({ series: lines.byStep, goal, target: target.value }),
  } satisfies Partial<ChartSpec>;
  const labelRem = Math.max(2, ...lines.byStep.map(labelWidthRem)) + 0.75;
  const withTime = comparison.timesComparable;
  const usable = WIDTH - 2 * MARGIN;
  const leftWidth = withTime ? (usable - GAP) / 2.12 : usable;
  const left = layoutChart(
    { ...shared, series: lines.byStep, xKind: 'step', marks: marks.byStep, endLabels: !withTime },
    { width: leftWidth, height: CHART_HEIGHT, rem: 16, rightRem: withTime ? 0.75 : labelRem },
  );
  const right = layoutChart(
    { ...shared, series: lines.byTime, xKind: 'time', marks: marks.byTime, hideYLabels: true },
    { width: usable - GAP - leftWidth, height: CHART_HEIGHT, rem: 16, rightRem: labelRem },
  );
  const sentence = plainText(verdictSentence(comparison));
  const tag = formatMetric(target.metric, target.value);
  const label = metricDefinitions[target.metric].label;
  const panels = [
    panel(MARGIN, 'By step', lines.caption, left, {
      id: 'clip-step',
      xTitle: 'step',
      hideYLabels: false,
      targetTag: tag,
    }),
    withTime
      ? panel(
          MARGIN + leftWidth + GAP,
          'By wall-clock',
          'training time, evaluation and pauses left out',
          right,
          {
            id: 'clip-time',
            xTitle: 'training time',
            hideYLabels: true,
            targetTag: null,
          },
        )
      : '',
  ];
  const facts = factsLine(label, groups, comparison.adapters, timeRefusal(comparison));
  return document(sentence, `${label}. ${facts}`, [
    text(MARGIN, 38, sentence, { size: 17, weight: 500, color: lightPalette.ink }),
    ...panels,
    text(MARGIN, CHART_TOP + CHART_HEIGHT + 26, facts, { color: lightPalette.ink3 }),
  ]);
}

function document(title: string, description: string, parts: string[]): string {
  const height = CHART_TOP + CHART_HEIGHT + 44;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title desc" font-family="${FONT}">`,
    `<title id="title">${escapeXml(title)}</title>`,
    `<desc id="desc">${escapeXml(description)}</desc>`,
    `<rect width="${WIDTH}" height="${height}" fill="${lightPalette.paper}"/>`,
    ...parts.filter((part) => part !== ''),
    '</svg>',
    '',
  ].join('\n');
}

function panel(
  x: number,
  title: string,
  caption: string,
  layout: ChartLayout,
  options: Parameters<typeof chartSvg>[1],
): string {
  const head = `<text x="${x}" y="${CHART_TOP - 12}" font-size="12" fill="${lightPalette.ink2}"><tspan font-weight="600" fill="${lightPalette.ink}">${escapeXml(title)}</tspan> · ${escapeXml(caption)}</text>`;
  return `${head}\n<g transform="translate(${x} ${CHART_TOP})">\n${chartSvg(layout, options)}\n</g>`;
}

function factsLine(
  label: string,
  groups: readonly RunGroup[],
  adapters: readonly string[],
  refusal: string | null,
): string {
  const runs = groups.reduce((sum, group) => sum + group.members.length, 0);
  const parts = [
    label,
    `${groups.length} ${groups.length === 1 ? 'group' : 'groups'}, ${runs} ${runs === 1 ? 'run' : 'runs'}`,
    adapters.join(', '),
    refusal ?? '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
