/**
 * The verdict as words: one sentence in stretches, so that the window can underline a group in its colour, and the same
 * text in the terminal and the SVG.
 */
import { formatMetric, formatRatio } from './format.ts';
import type { ComparedGroup, Comparison } from '../statistics/comparison.ts';
import { verdictOf } from '../statistics/verdict.ts';

/** A stretch of the sentence and how it is set. */
export interface Segment {
  text: string;
  /** `group`: the name that is underlined in its colour; `number`: bold; `soft`: the second thought. */
  tone: 'plain' | 'group' | 'number' | 'soft';
  groupHash?: string;
}

/** The verdict as a sentence in stretches. */
export function verdictSentence(comparison: Comparison): Segment[] {
  const verdict = verdictOf(comparison);
  const target = formatMetric(comparison.target.metric, comparison.target.value);
  const value = (group: ComparedGroup) =>
    group.best === null ? 'nothing' : formatMetric(comparison.target.metric, group.best.value);
  const body = ((): Segment[] => {
    switch (verdict.kind) {
      case 'pending':
        return [plain('Nothing to compare yet: no run has ended or reached '), number(target), plain('.')];
      case 'nobody':
        if (verdict.closest === null) return [plain('No group reaches '), number(target), plain('.')];
        return nobodySentence(verdict.closest, target, value(verdict.closest));
      case 'reference-missed':
        return [
          ...listed(verdict.reached),
          plain(verdict.reached.length > 1 ? ' reach ' : ' reaches '),
          number(target),
          ...missedWords(verdict.reference, value(verdict.reference)),
          soft(' Without a reference there is no ratio.'),
        ];
      case 'only-reference':
        return [
          plain(`Only ${verdict.reference.group.name} reaches `),
          number(target),
          plain('.'),
          ...partlyReached(comparison),
        ];
      case 'ratio':
        return ratioSentence(verdict.leader, verdict.others, verdict.reference, target);
      default:
        return verdict satisfies never;
    }
  })();
  return [...body, ...pendingNote(comparison)];
}

/** The sentence as plain text. */
export function plainText(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.text).join('');
}

/** Why times are withheld, or null where they can be compared. */
export function timeRefusal(comparison: Comparison): string | null {
  const { adapters } = comparison;
  if (comparison.timesComparable) return null;
  const count = adapters.length === 2 ? 'two' : adapters.length === 3 ? 'three' : String(adapters.length);
  const names = `${adapters.slice(0, -1).join(', ')} and ${adapters.at(-1)}`;
  return `Wall-clock is hidden: these runs used ${count} adapters, ${names}. Steps can be compared.`;
}

function nobodySentence(closest: ComparedGroup, target: string, value: string): Segment[] {
  if (closest.nReached > 0) {
    return [
      plain('No group reaches '),
      number(target),
      plain(' in most of its runs. Closest is '),
      named(closest),
      plain(` with ${closest.nReached} of ${closest.n}.`),
    ];
  }
  return [
    plain('No group reaches '),
    number(target),
    plain('. Closest is '),
    named(closest),
    plain(' with '),
    number(value),
    plain('.'),
  ];
}

/** A reference of which some seeds got there, but not half, has a best value beyond the target: say how many. */
function missedWords(reference: ComparedGroup, value: string): Segment[] {
  const { name } = reference.group;
  return reference.nReached > 0
    ? [plain(`. ${name} does so in only ${reference.nReached} of ${reference.n} runs.`)]
    : [plain(`. ${name} does not: its best is `), number(value), plain('.')];
}

function partlyReached(comparison: Comparison): Segment[] {
  return comparison.groups
    .filter((group) => group.nReached > 0 && group.steps.median === Infinity)
    .map((group) => soft(` ${group.group.name}: ${group.nReached} of ${group.n} runs.`));
}

function ratioSentence(
  leader: ComparedGroup,
  others: ComparedGroup[],
  reference: ComparedGroup,
  target: string,
): Segment[] {
  const steps = ratioWords(leader.steps.ratio);
  const time = ratioWords(leader.seconds?.ratio ?? null);
  if (steps === null && time === null) {
    // The reference is there from its first evaluation on, at step 0: nothing to divide by.
    return [...listed([reference, leader]), plain(' reach '), number(target), plain('.')];
  }
  const first: Segment[] = [named(leader), plain(' reaches '), number(target), plain(' in ')];
  if (steps !== null) first.push(number(`${steps} ×`), plain(' the steps'));
  if (steps !== null && time !== null) first.push(plain(' and '));
  if (time !== null) first.push(number(`${time} ×`), plain(' the time'));
  first.push(plain(` of ${reference.group.name}.`));
  const second = others[0];
  return second === undefined ? first : [...first, soft(` ${runnerUp(second)}`)];
}

function runnerUp(group: ComparedGroup): string {
  const parts = [
    group.steps.ratio === null ? null : `${formatRatio(group.steps.ratio)} × the steps`,
    group.seconds === null || group.seconds.ratio === null
      ? null
      : `${formatRatio(group.seconds.ratio)} × the time`,
  ].filter((part) => part !== null);
  return `${group.group.name}: ${parts.join(', ')}.`;
}

function pendingNote(comparison: Comparison): Segment[] {
  const pending = comparison.groups.reduce((sum, group) => sum + group.nPending, 0);
  if (pending === 0 || comparison.groups.every((group) => group.n === 0)) return [];
  return [soft(` ${pending} ${pending === 1 ? 'run is' : 'runs are'} not over yet.`)];
}

function listed(groups: readonly ComparedGroup[]): Segment[] {
  return groups.flatMap((group, i) => {
    const joint = i === 0 ? [] : [plain(i === groups.length - 1 ? ' and ' : ', ')];
    return [...joint, named(group)];
  });
}

function ratioWords(ratio: number | null): string | null {
  return ratio === null ? null : formatRatio(ratio);
}

function named(group: ComparedGroup): Segment {
  return { text: group.group.name, tone: 'group', groupHash: group.group.hash };
}
function number(text: string): Segment {
  return { text, tone: 'number' };
}
function plain(text: string): Segment {
  return { text, tone: 'plain' };
}
function soft(text: string): Segment {
  return { text, tone: 'soft' };
}
