import { beforeAll, describe, expect, it, test } from 'vitest';
import { noAugmentation } from '../../../contract/augmentation.ts';
import type { AugmentationSpec } from '../../../contract/run-spec.ts';
import { releaseScope, type GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { StepUniform } from '../step-scalars.ts';
import { expectClose, f32Tolerance, noise, prepare } from '../test-program.ts';
import { augmentedRows, drawAugmentation } from './augment.ts';
import { movedImage, type Pixels } from './test-augment.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const quantiles = Float32Array.of(0.125, 0.25, 0.5, 0.75);

interface Drawn {
  moves: number[][];
  partners: number[];
  share: number;
}

/** What is drawn for so many images at a seed and a step. */
async function sampler(count: number, changes: Partial<AugmentationSpec>, { height = 8, width = 8 } = {}) {
  const step = new StepUniform(gpu);
  const spec = { ...noAugmentation, ...changes };
  const program = await prepare((graph, leaf) => {
    const shares = spec.mixUp > 0 ? leaf(quantiles, [4]) : null;
    const { moves, mixing } = drawAugmentation(graph, spec, { count, height, width }, step, shares);
    return [...(moves ? [moves] : []), ...(mixing ? [mixing.partners, mixing.share] : [])];
  });
  return async (seed: number, index: number): Promise<Drawn> => {
    step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    const results = await program.run();
    const whole = (values: Float32Array = new Float32Array()) => [...new Uint32Array(values.buffer)];
    const isMoved = spec.shift > 0 || spec.cutout > 0 || spec.flip !== 'none';
    const moves = whole(isMoved ? results.shift() : undefined);
    const [partners, share] = results;
    return {
      moves: Array.from({ length: moves.length / 5 }, (_, n) => moves.slice(5 * n, 5 * n + 5)),
      partners: whole(partners),
      share: share?.[0] ?? NaN,
    };
  };
}

const everything: AugmentationSpec = { shift: 3, flip: 'horizontal', cutout: 3, mixUp: 1 };
const rows = Uint32Array.of(3, 0, 3, 5, 1, 4, 2, 2, 0);

describe('a batch', () => {
  test.each<[string, Pixels, Partial<AugmentationSpec>]>([
    ['shifted', { channels: 2, height: 5, width: 7 }, { shift: 2 }],
    ['flipped', { channels: 3, height: 4, width: 5 }, { flip: 'horizontal' }],
    ['blotted by even squares', { channels: 1, height: 6, width: 6 }, { cutout: 4 }],
    ['blotted by odd squares', { channels: 2, height: 7, width: 4 }, { cutout: 3 }],
    ['mixed', { channels: 1, height: 3, width: 3 }, { mixUp: 0.5 }],
    ['flipped and mixed', { channels: 1, height: 2, width: 6 }, { mixUp: 0.5, flip: 'horizontal' }],
    ['shifted, flipped and blotted', { channels: 3, height: 8, width: 6 }, { ...everything, mixUp: 0 }],
    ['changed in every way', { channels: 3, height: 6, width: 8 }, everything],
  ])('is %s as an image at a time would be', async (_, pixels, changes) => {
    const spec = { ...noAugmentation, ...changes };
    const { channels, height, width } = pixels;
    const length = channels * height * width;
    const table = noise(6 * length, 1);
    const fill = Float32Array.of(-0.5, -1.5, 2.25).subarray(0, channels);
    const step = new StepUniform(gpu);
    const test = await prepare((graph, leaf) => {
      const shares = spec.mixUp > 0 ? leaf(quantiles, [4]) : null;
      const size = { count: rows.length, height, width };
      const draws = drawAugmentation(graph, spec, size, step, shares);
      const images = augmentedRows(
        leaf(table, [6, channels, height, width]),
        leaf(rows, [rows.length]),
        spec,
        draws,
        leaf(fill, [channels]),
      );
      expect(images.shape).toEqual([rows.length, channels, height, width]);
      return images;
    });
    const draw = await sampler(rows.length, spec, pixels);
    for (const index of [1, 2, 3]) {
      const { moves, partners, share } = await draw(11, index);
      step.write({ index, seed: 11, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
      const [batch] = await test.run();
      const moved = [...rows].map((row, n) =>
        movedImage(table.subarray(row * length, (row + 1) * length), pixels, spec, moves[n] ?? [], fill),
      );
      if (spec.mixUp === 0) expect([...batch!]).toEqual(moved.flat());
      else {
        const other = (n: number) => moved[partners[n]!]!;
        const mixed = moved.flatMap((image, n) =>
          image.map((value, i) => share * value + (1 - share) * other(n)[i]!),
        );
        expectClose(batch!, mixed, f32Tolerance);
      }
    }
    releaseScope(test.gpu);
  });
});

it('repeats with seed and step, and draws anew with another seed or step', async () => {
  const draw = await sampler(64, everything);
  const first = await draw(7, 3);
  expect(await draw(7, 3)).toEqual(first);
  expect(await (await sampler(64, everything))(7, 3)).toEqual(first);
  for (const other of [await draw(7, 4), await draw(8, 3)]) {
    expect(other.moves).not.toEqual(first.moves);
    // Independent flips agree in half of the places; four standard deviations.
    const agreeing = other.moves.filter((move, n) => move[2] === first.moves[n]![2]).length;
    expect(Math.abs(agreeing - 32)).toBeLessThan(4 * Math.sqrt(64 * 0.25));
  }
});

it('draws for one kind of change what it draws beside others, in batches of any size', async () => {
  const all = await (await sampler(64, everything))(1, 1);
  const shifted = await (await sampler(40, { shift: 3 }))(1, 1);
  expect(shifted.moves).toEqual(all.moves.slice(0, 40));
  const mixed = await (await sampler(64, { mixUp: 0.3 }))(1, 1);
  expect(mixed).toEqual({ moves: [], partners: all.partners, share: all.share });
});

/** Five standard deviations of how often one of so many equally likely values comes. */
const tolerance = (count: number, values: number) => 5 * Math.sqrt((count / values) * (1 - 1 / values));

function expectEven(drawn: readonly number[], values: number): void {
  const counts = Array<number>(values).fill(0);
  for (const value of drawn) counts[value]! += 1;
  expect(counts).toHaveLength(values);
  for (const count of counts)
    expect(Math.abs(count - drawn.length / values)).toBeLessThan(tolerance(drawn.length, values));
}

// Draws are fixed by seed and step, so these tests of chance give the same answer every time.
describe('what is drawn', () => {
  const [height, width, count] = [5, 9, 20000];
  const drawn = async () => {
    const { moves } = await (await sampler(count, everything, { height, width }))(1, 1);
    return (place: number) => moves.map((move) => move[place]!);
  };

  it('is every shift equally often, up and down as to both sides', async () => {
    const at = await drawn();
    const [tops, lefts] = [at(0), at(1)];
    expectEven(tops, 7);
    expectEven(lefts, 7);
    expectEven(
      tops.map((top, n) => 7 * top + lefts[n]!),
      49,
    );
  });

  it('is a flip for half of the images, whatever their shift', async () => {
    const at = await drawn();
    const [lefts, flips] = [at(1), at(2)];
    expectEven(flips, 2);
    expectEven(
      flips.map((flip, n) => 7 * flip + lefts[n]!),
      14,
    );
  });

  it('is every pixel equally often as the centre of a blot', async () => {
    const at = await drawn();
    const [centreRows, centreColumns] = [at(3), at(4)];
    expectEven(
      centreRows.map((row, n) => width * row + centreColumns[n]!),
      height * width,
    );
  });

  it('differs from image to image and from step to step', async () => {
    const at = await drawn();
    const flips = at(2);
    expectEven(
      flips.slice(1).map((flip, n) => 2 * flip + flips[n]!),
      4,
    );
    const { moves } = await (await sampler(count, everything, { height, width }))(1, 2);
    expectEven(
      moves.map((move, n) => 2 * move[2]! + flips[n]!),
      4,
    );
  });
});

it('blots out the pixels that squares around random centres cover, their edges cut', async () => {
  const [side, cutout, count] = [8, 4, 4000];
  const spec = { ...noAugmentation, cutout };
  const step = new StepUniform(gpu);
  step.write({ index: 1, seed: 1, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
  const test = await prepare((graph, leaf) => {
    const draws = drawAugmentation(graph, spec, { count, height: side, width: side }, step, null);
    const ones = leaf(new Float32Array(side * side).fill(1), [1, 1, side, side]);
    return augmentedRows(ones, leaf(new Uint32Array(count), [count]), spec, draws, leaf([0], [1]));
  });
  const [images] = await test.run();
  const area = images!.filter((pixel) => pixel === 0).length / count;
  // Lines covered of a side, over all centres: 4 of 8, but less for the centres 0, 1 and 7.
  const lines = Array.from(
    { length: side },
    (_, centre) => Math.min(side, centre + 2) - Math.max(0, centre - 2),
  );
  const mean = lines.reduce((sum, line) => sum + line, 0) / side;
  const square = lines.reduce((sum, line) => sum + line ** 2, 0) / side;
  const spread = Math.sqrt((square ** 2 - mean ** 4) / count);
  expect(Math.abs(area - mean ** 2)).toBeLessThan(5 * spread);
  releaseScope(test.gpu);
});

describe('mixing', () => {
  it('gives every image another partner, and each share its turn', async () => {
    const draw = await sampler(7, { mixUp: 1 });
    const turns: number[] = [];
    const shares: number[] = [];
    for (let index = 1; index <= 400; index++) {
      const { partners, share } = await draw(3, index);
      expect(partners.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(partners.every((partner, n) => partner !== n)).toBe(true);
      turns.push(partners[0]! - 1);
      shares.push([...quantiles].indexOf(share));
    }
    expectEven(turns, 6);
    expectEven(shares, 4);
  });

  it('leaves a single image alone', async () => {
    const { partners } = await (await sampler(1, { mixUp: 1 }))(1, 1);
    expect(partners).toEqual([0]);
  });
});
