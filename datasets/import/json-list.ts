/**
 * The documents of a list of JSON, one at a time. Parsed at once, a list of small objects takes some twenty times its
 * length in memory; taken apart, only one of them is there.
 */
import { checkLimit, fault, type ImportLimits } from './limits.ts';

/**
 * The texts of the items of a list, or of the one document that is no list, as many at a time as a piece completes.
 * Whether an item is sound JSON is seen by whoever parses it. Throws `KronlabError` (`invalid`) where brackets or quotes do not fit, and beyond `limits.document`.
 */
export async function* jsonItems(
  pieces: AsyncIterable<string>,
  file: string,
  limits: ImportLimits,
): AsyncGenerator<string[]> {
  const scanner = new Scanner(file, limits);
  for await (const piece of pieces) yield [...scanner.push(piece)];
  yield [...scanner.end()];
}

class Scanner {
  readonly #file: string;
  readonly #limits: ImportLimits;
  /** Null until the first character that is no blank. */
  #isList: boolean | null = null;
  #isOver = false;
  #depth = 0;
  #isQuoted = false;
  #isEscaped = false;
  #parts: string[] = [];
  #length = 0;
  #count = 0;

  constructor(file: string, limits: ImportLimits) {
    this.#file = file;
    this.#limits = limits;
  }

  *push(text: string): Generator<string> {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const mark = text[at]!;
      if (this.#isQuoted) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (mark === '\\') this.#isEscaped = true;
        else if (mark === '"') this.#isQuoted = false;
        continue;
      }
      if (this.#isList === null) {
        if (isBlank(mark)) continue;
        this.#isList = mark === '[';
        if (this.#isList) {
          from = at + 1;
          continue;
        }
        from = at;
      }
      if (this.#isOver) {
        if (isBlank(mark)) continue;
        throw this.#unsound('goes on after the end of the list');
      }
      if (mark === '"') this.#isQuoted = true;
      else if (mark === '{' || mark === '[') this.#depth += 1;
      else if (this.#depth > 0) {
        if (mark === '}' || mark === ']') this.#depth -= 1;
      } else if (this.#isList && (mark === ',' || mark === ']')) {
        yield* this.#item(text.slice(from, at), mark === ']');
        from = at + 1;
      }
    }
    if (!this.#isOver && this.#isList !== null) this.#keep(text.slice(from));
  }

  *end(): Generator<string> {
    if (this.#isQuoted || this.#depth > 0 || (this.#isList === true && !this.#isOver))
      throw this.#unsound('ends in the middle');
    if (this.#isList === false) yield this.#take();
  }

  *#item(text: string, isLast: boolean): Generator<string> {
    this.#keep(text);
    const item = this.#take();
    this.#isOver = isLast;
    // A list may be empty; between two commas there must be something.
    if (item.trim() === '' && isLast && this.#count === 0) return;
    this.#count += 1;
    yield item;
  }

  #keep(text: string): void {
    this.#length += text.length;
    const place = this.#isList === true ? `item ${this.#count + 1}` : null;
    checkLimit(this.#file, place, this.#length, this.#limits.document, 'characters in one document of JSON');
    this.#parts.push(text);
  }

  #take(): string {
    const text = this.#parts.join('');
    this.#parts = [];
    this.#length = 0;
    return text;
  }

  #unsound(problem: string) {
    return fault(this.#file, null, `is no JSON: it ${problem}`, 'write it again; it is damaged or was cut');
  }
}

function isBlank(mark: string): boolean {
  return mark === ' ' || mark === '\n' || mark === '\r' || mark === '\t';
}
