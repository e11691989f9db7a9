import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import { gunzip } from './gunzip.ts';

const plain = new TextEncoder().encode('0,1,2\n'.repeat(1000));

describe('gunzip', () => {
  it('decompresses', async () => {
    expect(await gunzip(new Uint8Array(gzipSync(plain)), 'a.gz')).toEqual(plain);
  });

  it('leaves alone what a server has decompressed already', async () => {
    expect(await gunzip(plain, 'a.gz')).toEqual(plain);
  });

  it('names a truncated and a damaged file', async () => {
    const packed = new Uint8Array(gzipSync(plain));
    const damaged = packed.slice();
    damaged[packed.length - 6] = (damaged[packed.length - 6] ?? 0) ^ 0xff;
    for (const bytes of [packed.slice(0, -12), damaged]) {
      const error = await gunzip(bytes, 'a.gz').catch((e: unknown) => e);
      expect(error).toBeInstanceOf(KronlabError);
      expect((error as KronlabError).message).toContain('a.gz: the gzip data is truncated or damaged');
    }
  });
});
