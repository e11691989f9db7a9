/**
 * Timing that is fair on a machine whose speed wanders: the sides take turns, round after round, so that a slow minute
 * meets all of them, and medians leave the worst rounds out. A fast side runs several calls per round, so that the
 * clock and the last wait weigh little; a slow side sits rounds out, so that one benchmark ends in minutes.
 */
import { median } from '../training/statistics/index.ts';

export interface Side<Name extends string = string> {
  readonly name: Name;
  /** Makes so many calls and resolves when the last is done. */
  run(calls: number): Promise<void>;
}

export interface Turn {
  /** Calls per round. */
  calls: number;
  rounds: number;
}

export interface RoundRules {
  /** For all rounds of all sides together. */
  budgetMs: number;
  /** Rounds of a side whose calls are too slow for its share of the budget. */
  fewest: number;
}

/** A round of a fast side lasts about this long. */
const roundMs = 40;
const mostCalls = 64;
export const mostRounds = 11;

/** How often a side of this speed takes its turn, when `sides` of them share the budget. */
export function planTurn(callMs: number, sides: number, rules: RoundRules): Turn {
  const calls = Math.min(mostCalls, Math.max(1, Math.ceil(roundMs / callMs)));
  const affordable = Math.floor(rules.budgetMs / sides / (calls * callMs));
  return { calls, rounds: Math.min(mostRounds, Math.max(rules.fewest, affordable)) };
}

/** Whether a side with `turns` turns in `rounds` rounds has one in this round: they are spread evenly. */
export function takesPart(round: number, turns: number, rounds: number): boolean {
  return Math.floor(((round + 1) * turns) / rounds) > Math.floor((round * turns) / rounds);
}

export interface Timing {
  /** Median ms per call. */
  ms: number;
  rounds: number;
}

/** Runs all sides in turns. `callMs` is what one call of each took before, which decides how many it gets. */
export async function timeInTurns<Name extends string>(
  sides: readonly Side<Name>[],
  callMs: ReadonlyMap<Name, number>,
  rules: RoundRules,
  now: () => number = () => performance.now(),
): Promise<Map<Name, Timing>> {
  const entries = sides.map((side) => {
    const turn = planTurn(callMs.get(side.name) ?? roundMs, sides.length, rules);
    return { side, turn, times: [] as number[] };
  });
  const rounds = Math.max(...entries.map(({ turn }) => turn.rounds));
  for (let round = 0; round < rounds; round++) {
    for (const { side, turn, times } of entries) {
      if (!takesPart(round, turn.rounds, rounds)) continue;
      const began = now();
      await side.run(turn.calls);
      times.push((now() - began) / turn.calls);
    }
  }
  return new Map(entries.map(({ side, times }) => [side.name, { ms: median(times), rounds: times.length }]));
}
