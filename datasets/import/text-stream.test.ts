import { describe, expect, it } from 'vitest';
import { openStream } from './byte-stream.ts';
import { failure, source, testContext } from './test-files.ts';
import { textLines, textPieces } from './text-stream.ts';

async function text(content: string | readonly number[] | Uint8Array): Promise<string> {
  let all = '';
  for await (const piece of textPieces(await openStream(source('a.txt', content), testContext())))
    all += piece;
  return all;
}

describe('textPieces', () => {
  it('drops a byte order mark and keeps characters that pieces cut', async () => {
    expect(await text([0xef, 0xbb, 0xbf, 0x61])).toBe('a');
    const long = 'é€𝄞'.repeat(200_000);
    expect((await text(long)) === long).toBe(true);
  });

  it('names the first byte that is not UTF-8', async () => {
    expect(await failure(text([0x61, 0x62, 0xe9, 0x63]))).toContain('a.txt, byte 2: is not UTF-8 text');
    const late = new Uint8Array(3 << 20).fill(0x61);
    late[2_500_000] = 0xff;
    expect(await failure(text(late))).toContain('a.txt, byte 2500000:');
    expect(await failure(text([0x61, 0xe2, 0x82]))).toContain('byte 1: is not UTF-8 text');
    expect(await failure(text([0xff, 0xfe, 0x61, 0]))).toContain('is UTF-16 text');
  });

  it('refuses zero bytes, which are UTF-16 or no text', async () => {
    const utf16 = Array.from('a,y\n1,0\n').flatMap((character) => [character.charCodeAt(0), 0]);
    expect(await failure(text(utf16))).toMatch(
      /a\.txt, byte 1: holds a zero byte: .* UTF-16 without a mark .*; .*save the file as UTF-8/,
    );
    const late = new Uint8Array(3 << 20).fill(0x61);
    late[2_500_000] = 0;
    expect(await failure(text(late))).toContain('a.txt, byte 2500000: holds a zero byte');
  });
});

describe('textLines', () => {
  const linesOf = async (content: string) => {
    const lines = [];
    const stream = await openStream(source('a', content), testContext());
    for await (const entry of textLines(stream, testContext().limits)) lines.push(entry);
    return lines;
  };

  it('takes the ends of old and of cut lines', async () => {
    expect((await linesOf('x\ry\r\rz\r')).map(({ line }) => line)).toEqual(['x', 'y', '', 'z']);
    // The first piece ends between the two characters of a line's end.
    const long = 'x'.repeat((1 << 20) - 1);
    expect((await linesOf(`${long}\r\ny`)).map(({ line }) => line.length)).toEqual([long.length, 1]);
  });

  it('takes both line ends and counts from 1', async () => {
    expect(await linesOf('x\r\ny\n\nz')).toEqual([
      { line: 'x', number: 1 },
      { line: 'y', number: 2 },
      { line: '', number: 3 },
      { line: 'z', number: 4 },
    ]);
  });
});
