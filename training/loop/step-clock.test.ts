/** Progress and its estimate of what is left stand on these two numbers. */
import { describe, expect, it } from 'vitest';
import { StepClock } from './step-clock.ts';

function clockOf(times: readonly number[]): StepClock {
  const clock = new StepClock();
  for (const time of times) clock.add(time);
  return clock;
}

describe('StepClock', () => {
  it('knows nothing before the first step', () => {
    expect(new StepClock().median).toBeNull();
    expect(new StepClock().spread).toBeNull();
  });

  it('answers the middle of the sorted times, and no spread for a single one', () => {
    expect(clockOf([7]).median).toBe(7);
    expect(clockOf([7]).spread).toBe(0);
    expect(clockOf([100, 1, 3]).median).toBe(3);
  });

  it('is not moved by one slow step', () => {
    const clock = clockOf([10, 10, 10, 5000, 10, 10, 10, 10]);
    expect(clock.median).toBe(10);
    expect(clock.spread).toBe(0);
  });

  it('measures the spread between the quarters', () => {
    expect(clockOf([8, 7, 6, 5, 4, 3, 2, 1]).spread).toBe(4);
  });

  it('forgets all but the last fifty steps', () => {
    const clock = clockOf([...Array<number>(200).fill(1000), ...Array<number>(50).fill(2)]);
    expect(clock.median).toBe(2);
    expect(clock.spread).toBe(0);
    expect(clockOf([...Array<number>(200).fill(1000), ...Array<number>(20).fill(2)]).median).toBe(1000);
  });
});
