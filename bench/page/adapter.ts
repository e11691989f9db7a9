/**
 * Every library asks for an adapter of its own. What they get is written down, so that a comparison across two
 * adapters fails instead of being published.
 */
const seen = new Set<string>();

/** Must run before any library asks. */
export function watchAdapters(): void {
  const original = GPU.prototype.requestAdapter;
  GPU.prototype.requestAdapter = async function (this: GPU, options) {
    const adapter = await original.call(this, options);
    if (adapter) {
      const { vendor, architecture, device, description } = adapter.info;
      seen.add([vendor, architecture, device, description].filter(Boolean).join(' '));
    }
    return adapter;
  };
}

/** Throws when the sides of this page did not all run on one adapter. */
export function requireOneAdapter(): void {
  if (seen.size <= 1) return;
  throw new Error(`the sides got different adapters: ${[...seen].join('; ')}`);
}
