/** Measured kernel choices, kept by the Node side. */
import type { Client } from './api.ts';
import type { KernelStore } from './training.ts';

export function createKernelStore(client: Client): KernelStore {
  return {
    read: (owner) => client.call('kernels.read', owner),
    async keep(owner, choices) {
      await client.call('kernels.keep', { ...owner, choices });
    },
  };
}
