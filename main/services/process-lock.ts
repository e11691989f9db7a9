/** The store's process lock, for hosts that must be alone on a data folder; hosts do not reach into the store themselves. */
export { acquireProcessLock, type ProcessLock } from '../../db/index.ts';
