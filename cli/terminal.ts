/**
 * What a command knows of the terminal: results go to standard output, everything about how they came to be (progress,
 * errors) to standard error, so that output can be piped. A seam, because tests read both.
 */
export interface Terminal {
  /** A result, with its line end. */
  out(text: string): void;
  /** Progress and errors, with their line end. */
  err(text: string): void;
  /** True where standard error is a terminal that can redraw lines. */
  readonly live: boolean;
  /** Columns of standard error. */
  readonly columns: number;
  /** Calls back on Ctrl C instead of ending the process; answers a function that stops listening. */
  onInterrupt(listener: () => void): () => void;
}

/** The process's own terminal. */
export function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    live: process.stderr.isTTY && process.env['TERM'] !== 'dumb',
    get columns() {
      return process.stderr.columns || 100;
    },
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}
