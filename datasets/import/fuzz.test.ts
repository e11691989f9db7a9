/**
 * Files that went wrong in every way a generator thinks of: whatever they hold, an import or a preview ends in a data set
 * or in an error for people, soon, and never takes memory beyond its limits. `npm run fuzz` is the long form.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { importDataset } from './import.ts';
import type { ImportContext, ImportLimits } from './limits.ts';
import { previewImport } from './preview.ts';
import { source, testContext } from './test-files.ts';
import { fuzzedFiles, type FuzzedFile } from './test-fuzzed-files.ts';
import { heapGrowth, largestRequest, watchRequests, type HeapWatch } from './test-memory.ts';
import { mutate, mutation, repaired } from './test-mutations.ts';

const runs = Number(process.env['KRONLAB_FUZZ'] ?? 500);
const longestMs = 1000;
/** The short form tries the same files every time; the long form looks for new ones. */
const seed = runs > 500 ? {} : { seed: 20231101 };

const limits: ImportLimits = {
  bytes: 1 << 20,
  examples: 5000,
  side: 64,
  columns: 500,
  classes: 100,
  categories: 20,
  cell: 1 << 14,
  header: 1 << 14,
  files: 50,
  graph: 500,
  document: 1 << 14,
};
/** A decompressed piece and a buffer that doubles may stand beside what is kept. */
const largestPiece = 2 * limits.bytes;
/** What is kept, in objects and buffers, and what was thrown away but not collected yet. */
const mostHeap = 24 * limits.bytes;

/** How a damaged file is given to the lab. */
interface Trial {
  /** With the format named, found out, or looked at first. */
  way: 'named' | 'found' | 'preview';
  /** Compressed after it was damaged, or damaged after it was compressed. */
  gzip: 'no' | 'after' | 'before';
  isRepaired: boolean;
}

const trial: fc.Arbitrary<Trial> = fc.record({
  way: fc.constantFrom('named', 'found', 'preview'),
  gzip: fc.constantFrom('no', 'no', 'after', 'before'),
  isRepaired: fc.boolean(),
});

/** The files as they are given, the damaged one first. */
function sourcesOf(
  { name, bytes, pack = (whole) => whole, gzip = false, beside = [] }: FuzzedFile,
  damage: (bytes: Uint8Array) => Uint8Array,
  { gzip: when, isRepaired }: Trial,
): ByteSource[] {
  const isGzip = gzip && when !== 'no';
  const content = isGzip && when === 'before' ? damage(gzipSync(pack(bytes))) : pack(damage(bytes));
  const packed = isGzip && when === 'after' ? gzipSync(content) : content;
  const file = source(isGzip ? `${name}.gz` : name, isRepaired ? repaired(packed) : packed);
  return [file, ...beside.map(([other, sound]) => source(other, sound))];
}

/** Looks at the heap whenever something is read or understood. */
function watchedContext(watch: HeapWatch): ImportContext {
  const look = () => watch.look();
  return {
    ...testContext(limits),
    onProgress: look,
    observer: { columns: look, row: look, properties: look, graph: look },
  };
}

describe('a damaged file', () => {
  beforeAll(watchRequests);
  afterAll(() => vi.unstubAllGlobals());

  it('would be seen to take too much', async () => {
    const kept: object[] = [];
    const greedy = async (watch: HeapWatch) => {
      for (let i = 0; i < 1_000_000; i += 1) kept.push({ i });
      watch.look();
      kept.length = 0;
    };
    expect(await heapGrowth(mostHeap, greedy)).toBeGreaterThan(mostHeap);
    const piece = async () => expect(new Uint8Array(3 * limits.bytes)).toHaveLength(3 * limits.bytes);
    expect(await heapGrowth(mostHeap, piece)).toBeLessThan(mostHeap);
    expect(largestRequest()).toBe(3 * limits.bytes);
  });

  it.each(fuzzedFiles)(
    'of $title ends in a data set or an error for people',
    async (file) => {
      const { format, options = {} } = file;
      const attempt = async (sources: ByteSource[], { way }: Trial, watch: HeapWatch) => {
        const context = watchedContext(watch);
        if (way === 'preview') return previewImport(sources, options, context);
        const asked = way === 'named' ? { ...options, format } : options;
        return (await importDataset(sources, asked, context)).dataset;
      };
      // Sound as it is: the mutations start from something, in every form.
      for (const way of ['named', 'found', 'preview'] as const) {
        for (const gzip of ['no', 'after', 'before'] as const) {
          const whole = { way, gzip, isRepaired: true };
          const sources = sourcesOf(file, (bytes) => bytes, whole);
          await heapGrowth(mostHeap, async (watch) => {
            expect((await attempt(sources, whole, watch)).examples).toBeGreaterThan(0);
          });
          expect(largestRequest()).toBeGreaterThan(0);
        }
      }
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), trial, async (changes, how) => {
          const sources = sourcesOf(file, (bytes) => changes.reduce(mutate, bytes), how);
          let outcome: unknown = null;
          let spentMs = 0;
          const growth = await heapGrowth(mostHeap, async (watch) => {
            const start = process.cpuUsage();
            outcome = await attempt(sources, how, watch).catch((error: unknown) => error);
            const { user, system } = process.cpuUsage(start);
            spentMs = (user + system) / 1000;
          });
          if (outcome instanceof Error && !(outcome instanceof KronlabError)) throw outcome;
          if (outcome instanceof KronlabError) expect(outcome.code).toBe('invalid');
          // Time of the processor: a busy machine must not fail this.
          expect(spentMs).toBeLessThan(longestMs);
          expect(largestRequest()).toBeLessThanOrEqual(largestPiece);
          expect(growth).toBeLessThanOrEqual(mostHeap);
        }),
        { numRuns: runs, ...seed },
      );
    },
    Math.max(60_000, 100 * runs),
  );
});
