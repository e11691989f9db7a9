import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../contract/test-trials.ts';
import { KronlabError } from '../contract/errors.ts';
import { evaluate, expandTemplate } from './template.ts';

const text = (...lines: string[]): string => lines.join('\n');

describe('expandTemplate', () => {
  it('leaves text without directives alone', () => {
    const source = text('fn main() {', '  let x = 1; // #not a directive', '}', '');
    expect(expandTemplate(source, {})).toBe(source);
  });

  it('replaces expressions by their values', () => {
    expect(expandTemplate('let c${i + 1} = a.${lane(i)} * ${TYPE}(${2 * i});', { i: 2, TYPE: 'vec4f' })).toBe(
      'let c3 = a.z * vec4f(4);',
    );
  });

  it('repeats lines and nests loops', () => {
    const source = text(
      '#for i in 0..N',
      'row ${i}',
      '  #for j in i..2',
      '  ${i}${j}',
      '  #end',
      '#end',
      'done',
    );
    expect(expandTemplate(source, { N: 3 })).toBe(
      text('row 0', '  00', '  01', 'row 1', '  11', 'row 2', 'done'),
    );
  });

  it('drops a loop of no rounds without evaluating its body', () => {
    expect(expandTemplate(text('#for i in 0..N / 4', '${missing}', '#end', 'done'), { N: 3 })).toBe('done');
  });

  it('keeps one side of a condition and does not evaluate the other', () => {
    const source = text('#if A && !B', '${only}', '#else', '#if B', 'b', '#else', 'neither', '#end', '#end');
    expect(expandTemplate(source, { A: true, B: false, only: 'first' })).toBe('first');
    expect(expandTemplate(source, { A: true, B: true })).toBe('b');
    expect(expandTemplate(source, { A: 0, B: '' })).toBe('neither');
  });

  test.each([
    ['#if A', 'has no matching #end'],
    ['#for i in 0..2', 'has no matching #end'],
    ['x\n#end', 'has no matching #for or #if'],
    ['#else', 'has no matching #for or #if'],
    ['#if A\n#else\n#else\n#end', 'has no matching #end'],
    ['#for i in 0..2\n#else\n#end', 'has no matching #end'],
    ['#for i from 0 to 2\n#end', 'should read #for NAME in FROM..TO'],
    ["#for i in 0..'two'\n#end", 'needs a number, not two'],
    ['#while true\n#end', 'is not a directive'],
    ['#endless', 'is not a directive'],
    ['#elsewhere', 'is not a directive'],
    ['x = ${missing};', '`missing` is not defined'],
    ['#if missing\n#end', '`missing` is not defined'],
    ['#for i in 0..missing\n#end', '`missing` is not defined'],
    ['#if toString\n#end', '`toString` is not defined'],
  ])('refuses %j: %s', (source, message) => {
    const number = source.startsWith('x\n') ? 3 : 2;
    const expand = () => expandTemplate(`first\n${source}`, { A: true });
    expect(expand).toThrow(KronlabError);
    expect(expand).toThrow(`kernel template, line ${number}: `);
    expect(expand).toThrow(message);
  });
});

describe('evaluate', () => {
  test.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 / 2', 3],
    ['7 % 4 - 3 - 1', -1],
    ['N / 4 * 4 == N', true],
    ['N > 4 && N <= 8 || missing', true],
    ['!(N < 4) != missing', true],
    ["TYPE == 'f32'", true],
    ["TYPE != 'vec4f'", true],
    ['lane(N - 5)', 'w'],
  ])('%s is %s', (expression, value) => {
    const values = { N: 8, TYPE: 'f32', missing: false };
    expect(evaluate(expression, values)).toBe(value);
  });

  test.each([
    ['1 +', 'ends too early'],
    ['', 'ends too early'],
    ['(1', 'no closing bracket'],
    ['1 2', 'something left over at `2`'],
    ['lane(4)', 'lane() takes 0 to 3'],
    ['a.b', 'something left over'],
  ])('refuses %j: %s', (expression, message) => {
    expect(() => evaluate(expression, { a: 1, b: 2 })).toThrow(message);
  });

  it('agrees with JavaScript on any sum of products', () => {
    const operators = fc.constantFrom('+', '-', '*');
    fc.assert(
      fc.property(fc.nat(99), fc.array(fc.tuple(operators, fc.nat(99)), { maxLength: 6 }), (first, rest) => {
        const value = evaluate([first, ...rest.flat()].join(' '), {});
        // Products first, then sums from the left.
        const terms: [sign: number, product: number][] = [[1, first]];
        for (const [operator, x] of rest) {
          if (operator === '*') terms.at(-1)![1] *= x;
          else terms.push([operator === '+' ? 1 : -1, x]);
        }
        expect(value).toBe(terms.reduce((sum, [sign, product]) => sum + sign * product, 0));
      }),
      trials(),
    );
  });
});
