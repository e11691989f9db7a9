/**
 * Dawn in Node learns that GPU work is done by polling on every turn of the event loop: at full speed, on a core that a
 * software adapter needs for the work itself. A pause of a millisecond per turn halves the time of a training step on
 * a two-core machine and costs nothing where the GPU is a real one.
 */

const pauseMs = 1;

/** Slows the event loop's idle spinning until the returned function is called. Timers and I/O still run every turn. */
export function calmPolling(): () => void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let calm = true;
  const pause = (): void => {
    if (!calm) return;
    Atomics.wait(cell, 0, 0, pauseMs);
    // Unreferenced: pausing must not keep a finished program alive.
    setImmediate(pause).unref();
  };
  setImmediate(pause).unref();
  return () => {
    calm = false;
  };
}
