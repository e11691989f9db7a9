/** How much a commit waits for: `NORMAL` survives a crash of the lab, `FULL` also a loss of power, at the price of a disk flush each time. */
import type { Settings } from '../contract/api.ts';
import type { Db } from './sqlite.ts';

/** Takes effect with the next transaction; call outside one. */
export function setDurability(db: Db, durability: Settings['durability']): void {
  db.exec(`PRAGMA synchronous = ${durability}`);
}
