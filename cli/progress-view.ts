/** Draws progress: a bar and a table that redraw themselves in a terminal, plain lines where output goes to a file. */
import { formatDuration } from '../training/charts/format.ts';
import type { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 150;
const LINE_MS = 10_000;
const BAR_WIDTH = 28;

export class ProgressView {
  private readonly terminal: Terminal;
  private readonly progress: Progress;
  private readonly now: () => number;
  private drawn = 0;
  private lastMs = -Infinity;

  constructor(terminal: Terminal, progress: Progress, now: () => number = Date.now) {
    this.terminal = terminal;
    this.progress = progress;
    this.now = now;
  }

  /** A line that stays: what has ended, what went wrong. */
  note(line: string): void {
    this.erase();
    this.terminal.err(`${line}\n`);
    // In a file the next line about the pace can wait; in a terminal the bar comes back at once.
    this.lastMs = this.terminal.live ? -Infinity : this.now();
  }

  /** Shows where things stand; `table` is drawn above the bar in a terminal. Cheap to call often. */
  update(what: string, table: () => readonly string[]): void {
    const now = this.now();
    if (now - this.lastMs < (this.terminal.live ? REDRAW_MS : LINE_MS)) return;
    this.lastMs = now;
    if (!this.terminal.live) {
      this.terminal.err(`${this.summary()} · ${what}\n`);
      return;
    }
    this.erase();
    const width = Math.max(20, this.terminal.columns - 1);
    const lines = [...table(), `${this.bar()} ${this.summary()}`, what].map((line) =>
      Array.from(line).slice(0, width).join(''),
    );
    this.terminal.err(`${lines.join('\n')}\n`);
    this.drawn = lines.length;
  }

  /** Takes the bar away. */
  erase(): void {
    if (this.drawn > 0) this.terminal.err(`\u001b[${this.drawn}A\u001b[0J`);
    this.drawn = 0;
  }

  private bar(): string {
    const full = Math.round(this.progress.fraction * BAR_WIDTH);
    return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  }

  private summary(): string {
    const { done, total, fraction, remainingMs } = this.progress;
    const left = remainingMs === null ? '' : ` · about ${formatDuration(remainingMs / 1000)} left`;
    return `${done} of ${total} runs · ${Math.floor(fraction * 100)} %${left}`;
  }
}
