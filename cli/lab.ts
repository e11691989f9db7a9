/** The lab without a window: the same services as the app, over the direct transport, on the same database. */
import type { Client } from '../contract/api.ts';
import { createClient } from '../contract/client.ts';
import { createApp } from '../main/services/create-app.ts';
import { createDirectTransport } from '../main/services/direct-transport.ts';
import { dataDirectory } from '../main/services/paths.ts';

export interface OpenLab {
  client: Client;
  /** Ends open runs and closes the database. */
  close(): void;
}

/** Opens `databasePath`, or the app's own database. Throws what opening the store throws, e.g. `newer-database`. */
export function openLab(databasePath: string | undefined): OpenLab {
  const app = createApp({
    dataDir: dataDirectory(),
    ...(databasePath !== undefined && { databasePath }),
    host: 'direct',
  });
  const client = createClient(createDirectTransport(app));
  return {
    client,
    close() {
      client.close();
      app.close();
    },
  };
}

/** Opens the lab, does the work, and closes it whatever happens. */
export async function withLab<T>(
  databasePath: string | undefined,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const lab = openLab(databasePath);
  try {
    return await work(lab.client);
  } finally {
    lab.close();
  }
}
