import { describe, expect, it } from 'vitest';
import { indexTensor, valueTensor } from '../../tensor-dataset.ts';
import { joinBytes } from '../byte-stream.ts';
import { fromNamedArrays } from '../named-arrays.ts';
import { failure, source, testContext } from '../test-files.ts';
import { encodeSafetensors, readSafetensors } from './safetensors.ts';

/** A file with this header and so many bytes of data. */
function file(header: unknown, data: readonly number[] = []): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Uint8Array.from([...length, ...text, ...data]);
}
const read = (bytes: Uint8Array) => readSafetensors(source('a.safetensors', bytes), testContext());

describe('safetensors', () => {
  it('come back as they were written', async () => {
    const bytes = joinBytes(
      encodeSafetensors({
        inputs: valueTensor([2, 2], Float32Array.of(1, 2, 3, 4)),
        scores: valueTensor([2], Float32Array.of(0.5, -3)),
        labels: indexTensor([2], Uint32Array.of(1, 0)),
      }),
    );
    const arrays = await read(bytes);
    expect(arrays.map(({ name, shape, values }) => [name, shape, [...values]])).toEqual([
      ['labels', [2], [1, 0]],
      ['scores', [2], [0.5, -3]],
      ['inputs', [2, 2], [1, 2, 3, 4]],
    ]);
    expect(fromNamedArrays('a', arrays, 'a', {}, testContext())).toMatchObject({
      kind: 'table',
      task: 'classification',
      examples: 2,
    });
  });

  it('read half precision and metadata', async () => {
    const tensor = { dtype: 'BF16', shape: [1], data_offsets: [0, 2] };
    // bfloat16 is the upper half of a float32: 0x3fc0 is 1.5.
    const [array] = await read(file({ __metadata__: { format: 'pt' }, a: tensor }, [0xc0, 0x3f]));
    expect(array).toMatchObject({ name: 'a', values: Float64Array.of(1.5) });
  });

  const a = { dtype: 'U8', shape: [2], data_offsets: [0, 2] };
  it.each([
    ['an empty file', new Uint8Array(0), 'the file ends inside the length of the header, 8 bytes short'],
    ['a length beyond the cap', file('{}').fill(255, 0, 8), 'bytes of header, which is more than'],
    ['a length beyond the file', file('{}').fill(9, 0, 1), 'the file ends inside the header'],
    ['what is no JSON', file('{"a"'), 'its header is no JSON'],
    ['a list', file('[]'), 'its header is no object of tensors'],
    ['unknown types', file({ a: { ...a, dtype: 'C64' } }, [1, 2]), 'its type "C64" is none the lab reads'],
    ['negative sizes', file({ a: { ...a, shape: [-2] } }, [1, 2]), 'its shape is no list of sizes'],
    ['a range backwards', file({ a: { ...a, data_offsets: [2, 0] } }, [1, 2]), 'are no range of bytes'],
    [
      'a shape that does not fit',
      file({ a: { ...a, shape: [3] } }, [1, 2]),
      'needs 3 bytes, its range has 2',
    ],
    ['overlaps', file({ a, b: { ...a, data_offsets: [1, 3] } }, [1, 2, 3]), 'tensor "b": begins at byte'],
    ['gaps', file({ a, b: { ...a, data_offsets: [3, 5] } }, [1, 2, 3, 4, 5]), 'tensor "b": begins at byte'],
    ['truncated data', file({ a }, [1]), 'its header describes'],
    ['a tail', file({ a }, [1, 2, 3]), 'its header describes'],
    ['null for a tensor', file({ a: null }), 'tensor "a": its type'],
  ])('refuse %s', async (_, bytes, message) => {
    expect(await failure(read(bytes))).toContain(message);
    expect(await failure(read(bytes))).toMatch(/^KronlabError: a.safetensors/);
  });
});
