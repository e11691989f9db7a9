import { describe, expect, it } from 'vitest';
import { mostRounds, planTurn, takesPart, timeInTurns, type Side } from './rounds.ts';

const rules = { budgetMs: 10_000, fewest: 3 };

describe('planTurn', () => {
  it('runs a fast side several times per round, a slow one once', () => {
    expect(planTurn(8, 2, rules)).toEqual({ calls: 5, rounds: mostRounds });
    expect(planTurn(100, 2, rules)).toEqual({ calls: 1, rounds: mostRounds });
  });

  it('gives a slow side the rounds its share affords, never fewer than asked for', () => {
    expect(planTurn(1_000, 2, rules)).toEqual({ calls: 1, rounds: 5 });
    expect(planTurn(9_000, 2, rules)).toEqual({ calls: 1, rounds: 3 });
  });

  it('bounds the calls of a side that seems to take no time', () => {
    expect(planTurn(0, 2, rules).calls).toBe(64);
  });
});

describe('takesPart', () => {
  it.each([
    [3, 11],
    [1, 4],
    [7, 7],
  ])('spreads %i turns over %i rounds and ends with one', (turns, rounds) => {
    const taken = Array.from({ length: rounds }, (_, round) => takesPart(round, turns, rounds));
    expect(taken.filter(Boolean)).toHaveLength(turns);
    expect(taken.at(-1)).toBe(true);
  });
});

describe('timeInTurns', () => {
  /** A clock that moves only while a side runs, and sides of a given speed. */
  function stage(speeds: Record<string, (call: number) => number>) {
    let clock = 0;
    const order: string[] = [];
    const sides = Object.entries(speeds).map(([name, speed]): Side => {
      let call = 0;
      return {
        name,
        run: async (calls) => {
          order.push(`${name} x${calls}`);
          for (let i = 0; i < calls; i++) clock += speed(call++);
        },
      };
    });
    return { sides, order, now: () => clock };
  }

  it('alternates the sides and answers the median per call', async () => {
    const { sides, order, now } = stage({
      // One bad call among the rounds does not count.
      ours: (call) => (call === 2 ? 900 : 50),
      peer: () => 200,
    });
    const known = new Map([
      ['ours', 50],
      ['peer', 200],
    ]);
    const timings = await timeInTurns(sides, known, rules, now);
    expect(order.slice(0, 4)).toEqual(['ours x1', 'peer x1', 'ours x1', 'peer x1']);
    expect(timings.get('ours')).toEqual({ ms: 50, rounds: mostRounds });
    expect(timings.get('peer')).toEqual({ ms: 200, rounds: mostRounds });
  });

  it('divides a round by its calls, and lets a slow side sit rounds out', async () => {
    const { sides, order, now } = stage({ fast: () => 10, slow: () => 4_000 });
    const known = new Map([
      ['fast', 10],
      ['slow', 4_000],
    ]);
    const timings = await timeInTurns(sides, known, rules, now);
    expect(timings.get('fast')).toEqual({ ms: 10, rounds: mostRounds });
    expect(timings.get('slow')).toEqual({ ms: 4_000, rounds: 3 });
    expect(order.filter((entry) => entry === 'fast x4')).toHaveLength(mostRounds);
  });
});
