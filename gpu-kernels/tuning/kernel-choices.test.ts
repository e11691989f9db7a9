import { expect, test } from 'vitest';
import { openScope, releaseScope, type GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import { DeviceFaults } from '../faults.ts';
import { emptyRegion, testGpu } from '../test-gpu.ts';
import { KernelChoices, type TuningProblem } from './kernel-choices.ts';
import { decide } from './measure.ts';
import type { Measuring, Stopwatch } from './stopwatch.ts';

/** A problem whose variants do nothing; one of those named `broken` does not compile. */
function problem(gpu: GpuContext, key: string, names: readonly string[], work = 1): TuningProblem {
  return {
    key,
    work,
    words: 4,
    isName: (name) => names.includes(name),
    candidates: () => {
      const scope = openScope(gpu);
      const region = emptyRegion(scope, key, 4);
      return { scope, launches: new Map(names.map((name) => [name, [launch(name)]])) };

      function launch(name: string): Dispatch {
        const body = name === 'broken' ? 'no WGSL' : 'memory[0] = 1.0;';
        return {
          label: name,
          code: `@compute @workgroup_size(1) fn main() { ${body} }`,
          bindings: [{ name: 'memory', type: 'array<f32>', region, write: true }],
          workgroups: [1, 1, 1],
          flops: 0,
        };
      }
    },
  };
}

/** Milliseconds that each launch takes, by its label. */
function stopwatchOf(ms: Readonly<Record<string, number | (() => number)>>): Stopwatch & { calls: string[] } {
  const calls: string[] = [];
  const stopwatch: Stopwatch = (_, [launch], repeats) => {
    const label = launch?.label ?? '';
    calls.push(label);
    const time = ms[label] ?? NaN;
    return Promise.resolve((typeof time === 'number' ? time : time()) * repeats);
  };
  return Object.assign(stopwatch, { calls });
}

async function freshGpu(stopwatch: Stopwatch | null, budget: Partial<Measuring> = {}): Promise<GpuContext> {
  const measuring = stopwatch && { stopwatch, budgetMs: Infinity, now: () => 0, ...budget };
  return { ...openScope(await testGpu()), choices: new KernelChoices(), measuring };
}

test('the fastest is taken, and never one that does not compile', async () => {
  const stopwatch = stopwatchOf({ slow: 3, fast: 2, broken: 0.1, middling: 2.5 });
  const gpu = await freshGpu(stopwatch);
  expect(await decide(gpu, [problem(gpu, 'p', ['slow', 'broken', 'fast', 'middling'])])).toBe(true);
  await gpu.faults.settled();
  expect(gpu.choices.table).toEqual({ p: 'fast' });
  expect(stopwatch.calls).not.toContain('broken');
});

test('nothing is chosen where nothing compiles', async () => {
  const gpu = await freshGpu(stopwatchOf({}));
  await decide(gpu, [problem(gpu, 'p', ['broken'])]);
  await gpu.faults.settled();
  expect(gpu.choices.table).toEqual({});
});

test('nothing is chosen where there is no memory to measure in', async () => {
  const gpu = await freshGpu(stopwatchOf({ fast: 1, slow: 2 }));
  const full = { ...gpu, faults: new DeviceFaults(gpu.device) };
  full.faults.settled = () => Promise.reject(new Error('no memory'));
  await decide(full, [problem(full, 'p', ['fast', 'slow'])]);
  expect(gpu.choices.table).toEqual({});
});

test('one slow round does not decide', async () => {
  const rounds = [1, 1, 9, 1, 1];
  const gpu = await freshGpu(stopwatchOf({ steady: 1.2, shaken: () => rounds.shift() ?? 1 }));
  await decide(gpu, [problem(gpu, 'p', ['steady', 'shaken'])]);
  expect(gpu.choices.table).toEqual({ p: 'shaken' });
});

test('what is hopeless at the first look is not measured again', async () => {
  const stopwatch = stopwatchOf({ good: 1, hopeless: 50 });
  const gpu = await freshGpu(stopwatch);
  await decide(gpu, [problem(gpu, 'p', ['hopeless', 'good'])]);
  expect(gpu.choices.table).toEqual({ p: 'good' });
  expect(stopwatch.calls.filter((label) => label === 'hopeless')).toHaveLength(2);
});

test('the largest problems come first, and none is begun after the budget', async () => {
  let now = 0;
  const stopwatch: Stopwatch = (_, __, repeats) => {
    now += 100;
    return Promise.resolve(repeats);
  };
  const gpu = await freshGpu(stopwatch, { budgetMs: 1200, now: () => now });
  const problems = [1, 3, 2].map((work) => problem(gpu, `work ${work}`, ['one', 'other'], work));
  await decide(gpu, problems);
  expect(Object.keys(gpu.choices.table)).toEqual(['work 2', 'work 3']);
});

test('a known answer is not measured again; one that names no variant is', async () => {
  const stopwatch = stopwatchOf({ one: 1, other: 2 });
  const gpu = await freshGpu(stopwatch);
  gpu.choices.load({ known: 'other', foreign: 'third' });
  const problems = ['known', 'foreign'].map((key) => problem(gpu, key, ['one', 'other']));
  const asked = gpu.choices.undecided(() => problems.map((each) => gpu.choices.pick(each)));
  expect(asked.result).toEqual(['other', null]);
  expect(asked.problems.map(({ key }) => key)).toEqual(['foreign']);
  await decide(gpu, problems);
  expect(gpu.choices.table).toEqual({ foreign: 'one', known: 'other' });
});

test('what would take too much memory to measure is not asked for, whatever the table says', async () => {
  const gpu = await freshGpu(null);
  gpu.choices.load({ p: 'one' });
  const large = { ...problem(gpu, 'p', ['one']), words: 2 ** 26 + 1 };
  const asked = gpu.choices.undecided(() => ['p', 'q'].map((key) => gpu.choices.pick({ ...large, key })));
  expect(asked).toEqual({ result: [null, null], problems: [] });
});

test('an adapter without a stopwatch measures nothing', async () => {
  const gpu = await freshGpu(null);
  expect(await decide(gpu, [problem(gpu, 'p', ['one'])])).toBe(false);
  expect(gpu.choices.table).toEqual({});
  const { adapterClass, measuring } = await testGpu();
  expect(measuring === null).toBe(adapterClass === 'software');
});

test('measuring frees its memory', async () => {
  const gpu = await freshGpu(stopwatchOf({ one: 1, other: 2 }));
  const scopes: GpuContext[] = [];
  const own = problem(gpu, 'p', ['one', 'other']);
  const candidates = (): ReturnType<TuningProblem['candidates']> => {
    const made = own.candidates(gpu);
    scopes.push(made.scope);
    return made;
  };
  await decide(gpu, [{ ...own, candidates }]);
  expect(scopes.map((scope) => scope.buffers.size)).toEqual([0]);
  releaseScope(gpu);
});

test('tables that are none are ignored; equal tables have one fingerprint', () => {
  const choices = new KernelChoices();
  for (const bad of [null, 'text', 7, ['a'], { key: 7 }]) choices.load(bad);
  expect(choices.table).toEqual({});
  choices.load(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key ${i}`, 'name'])));
  expect(choices.table).toEqual({});
  const [one, other] = [new KernelChoices(), new KernelChoices()];
  one.load({ a: 'x', b: 'y' });
  other.load({ b: 'y', a: 'x' });
  expect(one.fingerprint).toBe(other.fingerprint);
  other.record('b', 'z');
  expect(one.fingerprint).not.toBe(other.fingerprint);
});
