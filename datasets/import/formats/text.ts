/**
 * Plain text for language models, character by character: a token is a Unicode code point, the vocabulary are those that
 * occur, in the order of their numbers. Nothing is normalised, so that the text can be written back from its tokens.
 */
import { indexTensor, nothingSkipped, type TensorDataset } from '../../tensor-dataset.ts';
import { splitsOf } from '../assemble.ts';
import { openStream } from '../byte-stream.ts';
import type { ByteSource } from '../byte-source.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { textPieces } from '../text-stream.ts';

/** Reads one text, or several as splits. Throws `KronlabError` (`invalid`) on anything but UTF-8 and on empty files. */
export async function readText(
  files: readonly { split: string | null; source: ByteSource }[],
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  let tokens = new Uint32Array(1 << 12);
  let count = 0;
  const lengths: { split: string | null; count: number }[] = [];
  for (const { split, source } of files) {
    const before = count;
    for await (const piece of textPieces(await openStream(source, context))) {
      if (count + piece.length > tokens.length) {
        const length = Math.max(2 * tokens.length, count + piece.length);
        checkLimit(source.name, null, 4 * length, context.limits.bytes, 'bytes of tokens');
        const grown = new Uint32Array(length);
        grown.set(tokens);
        tokens = grown;
      }
      for (const character of piece) {
        tokens[count] = character.codePointAt(0)!;
        count += 1;
      }
    }
    if (count === before) throw fault(source.name, null, 'is empty', 'choose a file with text');
    lengths.push({ split, count: count - before });
  }
  const used = tokens.slice(0, count);
  const vocabulary = [...new Set(used)].sort((a, b) => a - b);
  const indices = new Map(vocabulary.map((code, index) => [code, index]));
  used.forEach((code, at) => (used[at] = indices.get(code)!));
  return {
    name,
    kind: 'text',
    task: 'language',
    examples: count,
    tensors: { tokens: indexTensor([count], used) },
    classes: vocabulary.map((code) => String.fromCodePoint(code)),
    columns: [],
    edgeColumns: [],
    targets: ['next character'],
    splits: splitsOf(lengths),
    skipped: nothingSkipped,
  };
}
