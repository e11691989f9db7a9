import { describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import { parseDigits } from './digits.ts';
import { tensorOf } from './tensor-dataset.ts';

const row = (first: string, label = '3') => [first, ...Array<string>(63).fill('0'), label].join(',');
const good = row('16');

describe('parseDigits', () => {
  it('reads pixels and labels, with either line ending and with or without the last one', () => {
    for (const text of [`${good}\n${row('5', '9')}\n`, `${good}\r\n${row('5', '9')}`]) {
      const dataset = parseDigits(text);
      const [images, labels] = [tensorOf(dataset, 'inputs'), tensorOf(dataset, 'labels')];
      expect(dataset).toMatchObject({ kind: 'images', task: 'classification', examples: 2 });
      expect(dataset.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
      expect(images.shape).toEqual([2, 1, 8, 8]);
      expect([images.data.length, images.data[0], images.data[64], images.data[65]]).toEqual([128, 16, 5, 0]);
      expect([...labels.data]).toEqual([3, 9]);
    }
  });

  it.each([
    [
      'a short line',
      `${good}\n1,2,3`,
      'd.csv, line 2: ends at column 3; expected 65 columns, 64 pixels and a label',
    ],
    [
      'a long line',
      `${good},0`,
      'd.csv, line 1: ends at column 66; expected 65 columns, 64 pixels and a label',
    ],
    [
      'an empty line',
      `${good}\n\n${good}`,
      'd.csv, line 2: is empty; expected 65 columns, 64 pixels and a label',
    ],
    ['an empty file', '', 'd.csv: holds no examples; expected one a line, 64 pixels and a label'],
    [
      'a fraction',
      row('3.5'),
      'd.csv, line 1, column 1: "3.5" is not a whole number; expected a pixel, a whole number from 0 to 16',
    ],
    [
      'a missing value',
      row(''),
      'd.csv, line 1, column 1: "" is not a whole number; expected a pixel, a whole number from 0 to 16',
    ],
    [
      'a negative pixel',
      row('-1'),
      'd.csv, line 1, column 1: "-1" is not a whole number; expected a pixel, a whole number from 0 to 16',
    ],
    [
      'a pixel too large',
      `${good}\n${row('17')}`,
      'd.csv, line 2, column 1: "17" is out of range; expected a pixel, a whole number from 0 to 16',
    ],
    [
      'a label too large',
      row('0', '10'),
      'd.csv, line 1, column 65: "10" is out of range; expected the label, a whole number from 0 to 9',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseDigits(text, 'd.csv')).toThrow(new KronlabError('invalid', message));
  });
});
