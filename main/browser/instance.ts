/**
 * One browser host per data folder. The first one holds a lock and leaves a note, readable by this user only, on how to
 * ask it for another address; a second start asks and prints that address instead of starting another server.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { KronlabError } from '../../contract/errors.ts';
import { acquireProcessLock, type ProcessLock } from '../services/process-lock.ts';
import { originOf } from './guards.ts';

const noteSchema = z.object({ port: z.int().gte(1).lte(65535), secret: z.string() });

export interface Instance {
  /** Tells later starts how to reach this one. */
  announce(note: { port: number; secret: string }): Promise<void>;
  release(): Promise<void>;
}

/** This process as the folder's only browser host, or null when there is one already. */
export async function becomeInstance(dataDir: string): Promise<Instance | null> {
  const lock: ProcessLock | null = acquireProcessLock(join(dataDir, 'browser-host.lock'));
  if (lock === null) return null;
  const notePath = join(dataDir, 'browser-host.json');
  // A note of a process that is gone.
  await rm(notePath, { force: true });
  return {
    announce: (note) => writeFile(notePath, JSON.stringify(note), { mode: 0o600 }),
    async release() {
      await rm(notePath, { force: true });
      lock.release();
    },
  };
}

/**
 * Asks the running host for a fresh address. It may just be starting, so this tries for a while.
 * Throws `unavailable` when it does not answer.
 */
export async function askInstance(dataDir: string, { tries = 15, pauseMs = 200 } = {}): Promise<string> {
  for (let left = tries; left > 0; left--) {
    const url = await tryInstance(dataDir);
    if (url !== null) return url;
    if (left > 1) await pause(pauseMs);
  }
  throw new KronlabError(
    'unavailable',
    `Kronlab is running already with the data folder ${dataDir}, but does not answer. Close it, or use another folder with --data.`,
  );
}

const answerSchema = z.object({ url: z.string() });

async function tryInstance(dataDir: string): Promise<string | null> {
  try {
    const { port, secret } = noteSchema.parse(
      JSON.parse(await readFile(join(dataDir, 'browser-host.json'), 'utf8')),
    );
    const response = await fetch(`${originOf(port)}/instance/token`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${secret}` },
      signal: AbortSignal.timeout(2000),
    });
    return response.ok ? answerSchema.parse(await response.json()).url : null;
  } catch {
    // No note yet, half a note, or nobody there: the caller tries again and says so in the end.
    return null;
  }
}
