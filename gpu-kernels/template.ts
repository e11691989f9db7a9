/**
 * A small preprocessor for `.wgsl` files. Register tiles must be unrolled as text (an array indexed by a loop
 * variable lives in memory on several drivers), and one kernel serves many layouts; both are said in the WGSL file
 * itself, with directives, so that a kernel stays readable in one place:
 *
 *     #for i in 0..TM            lines repeated with i = 0, 1, ..., TM-1
 *     #if BIAS && TN > 4         lines kept when the expression is true (or not 0)
 *     #else
 *     #end
 *     c${i} = a.${lane(q)};      ${expression} is replaced by its value; lane(0..3) is x, y, z, w
 *
 * No `eval`: the app's content security policy forbids it.
 */
import { KronlabError } from '../contract/errors.ts';

export type TemplateValue = number | string | boolean;
export type TemplateValues = Readonly<Record<string, TemplateValue>>;

/** Expands a kernel template. Throws `KronlabError` with the line when a directive or an expression is malformed. */
export function expandTemplate(source: string, values: TemplateValues): string {
  const lines = source.split('\n');
  const out: string[] = [];
  const end = expandBlock(lines, 0, values, out, true);
  if (end !== lines.length) throw templateError(lines, end, 'has no matching #for or #if');
  return out.join('\n');
}

/** Expands lines from `start` until `#else`/`#end` of the enclosing block or the end of the file; returns where it stopped. */
function expandBlock(
  lines: string[],
  start: number,
  values: TemplateValues,
  out: string[],
  keep: boolean,
): number {
  let at = start;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const directive = line.trimStart();
    if (isWord(line, '#end') || isWord(line, '#else')) return at;
    if (directive.startsWith('#for ')) at = expandFor(lines, at, values, out, keep);
    else if (directive.startsWith('#if ')) at = expandIf(lines, at, values, out, keep);
    else if (directive.startsWith('#')) throw templateError(lines, at, 'is not a directive');
    else {
      if (keep) out.push(substitute(line, values, lines, at));
      at++;
    }
  }
  return at;
}

function expandFor(
  lines: string[],
  at: number,
  values: TemplateValues,
  out: string[],
  keep: boolean,
): number {
  const match = /^\s*#for\s+(\w+)\s+in\s+(.+?)\.\.(.+)$/.exec(lines[at] ?? '');
  const [, name, from, to] = match ?? [];
  if (!name || !from || !to) throw templateError(lines, at, 'should read #for NAME in FROM..TO');
  let end = expandBlock(lines, at + 1, { ...values, [name]: 0 }, [], false);
  if (keep) {
    const first = number(evaluateAt(from, values, lines, at), lines, at);
    const last = number(evaluateAt(to, values, lines, at), lines, at);
    for (let i = first; i < last; i++) end = expandBlock(lines, at + 1, { ...values, [name]: i }, out, true);
  }
  return closing(lines, end, at);
}

function expandIf(lines: string[], at: number, values: TemplateValues, out: string[], keep: boolean): number {
  const condition = keep && truthy(evaluateAt((lines[at] ?? '').trim().slice(3), values, lines, at));
  let end = expandBlock(lines, at + 1, values, out, keep && condition);
  if (isWord(lines[end], '#else')) {
    end = expandBlock(lines, end + 1, values, out, keep && !condition);
  }
  return closing(lines, end, at);
}

function closing(lines: string[], end: number, opened: number): number {
  if (!isWord(lines[end], '#end')) throw templateError(lines, opened, 'has no matching #end');
  return end + 1;
}

const isWord = (line: string | undefined, word: string): boolean => line?.trim() === word;

function substitute(line: string, values: TemplateValues, lines: string[], at: number): string {
  return line.replace(/\$\{([^}]*)\}/g, (_, expression: string) =>
    String(evaluateAt(expression, values, lines, at)),
  );
}

function evaluateAt(expression: string, values: TemplateValues, lines: string[], at: number): TemplateValue {
  try {
    return evaluate(expression, values);
  } catch (error) {
    throw templateError(lines, at, error instanceof Error ? error.message : String(error));
  }
}

function templateError(lines: string[], at: number, what: string): KronlabError {
  return new KronlabError(
    'internal',
    `kernel template, line ${at + 1}: \`${(lines[at] ?? '').trim()}\` ${what}`,
  );
}

function number(value: TemplateValue, lines: string[], at: number): number {
  if (typeof value !== 'number') throw templateError(lines, at, `needs a number, not ${String(value)}`);
  return value;
}

const truthy = (value: TemplateValue): boolean => value !== false && value !== 0 && value !== '';

const binaryOperators: Record<
  string,
  { precedence: number; apply: (a: TemplateValue, b: TemplateValue) => TemplateValue }
> = {
  '||': { precedence: 1, apply: (a, b) => truthy(a) || truthy(b) },
  '&&': { precedence: 2, apply: (a, b) => truthy(a) && truthy(b) },
  '==': { precedence: 3, apply: (a, b) => a === b },
  '!=': { precedence: 3, apply: (a, b) => a !== b },
  '<': { precedence: 4, apply: (a, b) => Number(a) < Number(b) },
  '>': { precedence: 4, apply: (a, b) => Number(a) > Number(b) },
  '<=': { precedence: 4, apply: (a, b) => Number(a) <= Number(b) },
  '>=': { precedence: 4, apply: (a, b) => Number(a) >= Number(b) },
  '+': { precedence: 5, apply: (a, b) => Number(a) + Number(b) },
  '-': { precedence: 5, apply: (a, b) => Number(a) - Number(b) },
  '*': { precedence: 6, apply: (a, b) => Number(a) * Number(b) },
  '/': { precedence: 6, apply: (a, b) => Math.floor(Number(a) / Number(b)) },
  '%': { precedence: 6, apply: (a, b) => Number(a) % Number(b) },
};

/** Evaluates a template expression: integers, names, `'text'`, the operators above, `!`, brackets and `lane(i)`. */
export function evaluate(expression: string, values: TemplateValues): TemplateValue {
  const tokens = expression.match(/\d+|\w+|'[^']*'|\|\||&&|[=!<>]=|[-+*/%<>!()]|\S/g) ?? [];
  let at = 0;

  const primary = (): TemplateValue => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`\`${expression}\` ends too early`);
    if (token === '(') {
      const value = binary(0);
      if (tokens[at++] !== ')') throw new Error(`\`${expression}\` has no closing bracket`);
      return value;
    }
    if (token === '!') return !truthy(primary());
    if (token === 'lane') {
      const lane = 'xyzw'[Number(primary())];
      if (lane === undefined) throw new Error('lane() takes 0 to 3');
      return lane;
    }
    if (/^\d/.test(token)) return Number(token);
    if (token.startsWith("'")) return token.slice(1, -1);
    const value = values[token];
    if (value === undefined || !Object.hasOwn(values, token)) throw new Error(`\`${token}\` is not defined`);
    return value;
  };

  const binary = (floor: number): TemplateValue => {
    let left = primary();
    for (;;) {
      const operator = binaryOperators[tokens[at] ?? ''];
      if (!operator || operator.precedence <= floor) return left;
      at++;
      left = operator.apply(left, binary(operator.precedence));
    }
  };

  const result = binary(0);
  if (at !== tokens.length)
    throw new Error(`\`${expression}\` has something left over at \`${String(tokens[at])}\``);
  return result;
}
