/**
 * WebGPU in Node: Dawn from the `webgpu` package. Dawn learns there that GPU work is done by polling on every turn of the
 * event loop: at full speed, on a core that a software adapter needs for the work itself. A pause of a millisecond per
 * turn nearly halves the time of a training step on a two-core machine and costs nothing where the GPU is a real one.
 */

const pauseMs = 1;

/** Dawn's entry point, with the WebGPU globals in place and its polling calmed. Keep the result as long as its devices. */
export async function openDawn(): Promise<GPU> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  calmPolling();
  return create([]);
}

/** Slows the event loop's idle spinning for good. Timers and I/O still run every turn. */
function calmPolling(): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const pause = (): void => {
    Atomics.wait(cell, 0, 0, pauseMs);
    // Unreferenced: pausing must not keep a finished program alive.
    setImmediate(pause).unref();
  };
  setImmediate(pause).unref();
}
