import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { trials } from './test-trials.ts';
import { decode, encode } from './wire.ts';

describe('encode and decode', () => {
  it('keep NaN, infinities, minus zero and strings that look like marks', () => {
    const value = {
      a: [NaN, Infinity, -Infinity, -0, 0, 1.5],
      b: '\u0000NaN',
      c: ['\u0000', 'NaN', '\u0000\u0000x'],
    };
    expect(decode(encode(value))).toEqual(value);
  });

  it('keep any value of JSON with any double', () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.double(),
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, (v) => {
        fc.pre(!JSON.stringify(v).includes('"__proto__"'));
        expect(decode(encode(v))).toEqual(v);
      }),
      trials(),
    );
  });

  it('refuse text that is not JSON', () => {
    expect(() => decode('{"a":')).toThrow(SyntaxError);
  });
});
