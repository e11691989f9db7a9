/** Counts what an import leaves out, by reason, so that the report stays short whatever the file holds. */
import type { SkipReport } from '../tensor-dataset.ts';

const mostReasons = 50;
/** Reasons may quote the file; beyond so many different ones they are counted together. */
const mostKept = 1000;
const others = 'other reasons';

export class Skips {
  readonly #reasons = new Map<string, { count: number; first: string }>();
  #total = 0;

  /** `place` names the row or file, of several the first: `line 12`. */
  add(reason: string, place: string, count = 1): void {
    this.#total += count;
    const kept = this.#reasons.has(reason) || this.#reasons.size < mostKept ? reason : others;
    const known = this.#reasons.get(kept);
    if (known !== undefined) known.count += count;
    else this.#reasons.set(kept, { count, first: place });
  }

  /** The commonest reasons first. */
  report(): SkipReport {
    const reasons = Array.from(this.#reasons, ([reason, { count, first }]) => ({ reason, count, first }));
    reasons.sort((a, b) => b.count - a.count);
    return { total: this.#total, reasons: reasons.slice(0, mostReasons) };
  }
}
