/**
 * Where the lab keeps what a person would miss: the one rule for the data folder, asked by the desktop shell, the
 * browser host, the command line and `npm start` alike, so that all of them open the same database.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface PathSurroundings {
  platform: NodeJS.Platform;
  home: string;
  env: Readonly<Record<string, string | undefined>>;
}

const here = (): PathSurroundings => ({ platform: process.platform, home: homedir(), env: process.env });

/**
 * The absolute path of the data folder (not created here). `KRONLAB_DATA` overrides it; otherwise the platform's own
 * place: `XDG_DATA_HOME` or `~/.local/share` on Linux, `Application Support` on macOS, `%LOCALAPPDATA%` on Windows.
 */
export function dataDirectory({ platform, home, env }: PathSurroundings = here()): string {
  const override = env['KRONLAB_DATA'];
  if (override) return resolve(override);
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'kronlab');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'kronlab');
  return join(env['XDG_DATA_HOME'] || join(home, '.local', 'share'), 'kronlab');
}
