import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { evaluate, noise } from '../test-program.ts';
import { gather } from './gather.ts';

const rows = Uint32Array.of(3, 0, 3, 5, 1);

test.each([
  { name: 'vectors', shape: [6, 7] },
  { name: 'images', shape: [6, 2, 3, 4] },
  { name: 'single numbers', shape: [6] },
])('picks $name in the order asked for, repeats included', async ({ shape }) => {
  const width = shape.slice(1).reduce((product, dim) => product * dim, 1);
  const table = noise(6 * width, 1);
  const [result] = await evaluate((_, leaf) => {
    const batch = gather(leaf(table, shape), leaf(rows, [5]));
    expect(batch.shape).toEqual([5, ...shape.slice(1)]);
    return batch;
  });
  expect([...result!]).toEqual(
    [...rows].flatMap((row) => [...table.subarray(row * width, (row + 1) * width)]),
  );
});

it('picks any rows of any table', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
      async (shape, picks) => {
        const [count = 1] = shape;
        const width = shape.slice(1).reduce((product, dim) => product * dim, 1);
        const chosen = picks.map((pick) => pick % count);
        const table = noise(count * width, 1);
        const [result] = await evaluate((_, leaf) =>
          gather(leaf(table, shape), leaf(Uint32Array.from(chosen), [chosen.length])),
        );
        expect([...result!]).toEqual(
          chosen.flatMap((row) => [...table.subarray(row * width, (row + 1) * width)]),
        );
      },
    ),
    trials(5),
  ));

it('picks labels as u32', async () => {
  const [result] = await evaluate((_, leaf) => {
    const batch = gather(leaf(Uint32Array.of(9, 8, 7, 6, 5, 0x80000000), [6]), leaf(rows, [5]));
    expect(batch.type).toBe('u32');
    return batch;
  });
  expect([...new Uint32Array(result!.buffer)]).toEqual([6, 9, 6, 0x80000000, 8]);
});
