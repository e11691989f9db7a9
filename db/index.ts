/** What the rest of the lab sees of the store: no SQL, no driver. */
export { interruptRuns, type InterruptReason } from './interrupt.ts';
export { acquireProcessLock, type ProcessLock } from './process-lock.ts';
export type { EndStatus, Owner } from './queries/runs.ts';
export { openStore, type Store, type StoreOptions } from './store.ts';
