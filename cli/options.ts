/** Reading a command's options: every mistake is one sentence that names the option and what would be right. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { KronlabError } from '../contract/errors.ts';

/** Parses `args`; positional arguments up to `positionals`. Throws `KronlabError` (`invalid`). */
export function readOptions<const O extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: O,
  positionals = 0,
) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: positionals > 0, strict: true });
    const surplus = parsed.positionals[positionals];
    if (surplus !== undefined) throw new Error(`Unexpected argument '${surplus}'`);
    return parsed;
  } catch (error) {
    throw new KronlabError('invalid', `${firstSentence(error)}; see "kronlab help ${command}"`);
  }
}

/** Whole numbers such as `1,2,3`, each once. Throws `KronlabError` that names the option. */
export function readWholeNumbers(option: string, text: string): number[] {
  const numbers = text.split(',').map((part) => {
    const value = part.trim() === '' ? NaN : Number(part);
    if (!Number.isInteger(value) || value < 0) {
      throw new KronlabError(
        'invalid',
        `${option}: "${part.trim()}" is not a whole number; write for example 1,2,3`,
      );
    }
    return value;
  });
  const twice = numbers.find((value, i) => numbers.indexOf(value) !== i);
  if (twice !== undefined) throw new KronlabError('invalid', `${option}: ${twice} is there twice`);
  return numbers;
}

/** A whole number of at least 1. Throws `KronlabError` that names the option. */
export function readCount(option: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new KronlabError(
    'invalid',
    `${option}: "${text}" is not a whole number of at least 1; write for example 200`,
  );
}

/** A finite number. Throws `KronlabError` that names the option. */
export function readNumber(option: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new KronlabError('invalid', `${option}: "${text}" is not a number; write for example 0.93`);
}

/** The option's value. Throws `KronlabError` when it is missing. */
export function required(
  command: string,
  option: string,
  value: string | undefined,
  example: string,
): string {
  if (value !== undefined && value !== '') return value;
  throw new KronlabError(
    'invalid',
    `${option} is missing: write for example ${option} ${example}; see "kronlab help ${command}"`,
  );
}

/** Node adds advice for programmers after the first sentence. */
function firstSentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split(/\. |\n/)[0] ?? text;
}
