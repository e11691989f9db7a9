/** The command line of the browser host. */
import { parseArgs } from 'node:util';
import { KronlabError } from '../../contract/errors.ts';
import { dataDirectory } from '../services/paths.ts';
import { resolve } from 'node:path';

export interface BrowserArguments {
  dataDir: string;
  port: number;
  /** Folder of the built renderer. */
  root: string;
}

export const usage = 'Usage: browser host [--data FOLDER] [--port NUMBER] [--renderer FOLDER]';

/** Throws `invalid`. `defaultRoot` is where the build puts the renderer. */
export function readArguments(args: string[], defaultRoot: string): BrowserArguments {
  const values = parse(args);
  return {
    dataDir: values.data === undefined ? dataDirectory() : resolve(values.data),
    port: readPort(values.port ?? '0'),
    root: values.renderer === undefined ? defaultRoot : resolve(values.renderer),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: { data: { type: 'string' }, port: { type: 'string' }, renderer: { type: 'string' } },
    }).values;
  } catch (error) {
    // Node's sentence names the option; the rest of it is advice for programmers.
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new KronlabError('invalid', `${reason}. ${usage}`);
  }
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port >= 0 && port <= 65535) return port;
  throw new KronlabError(
    'invalid',
    `--port ${text}: a port is a whole number from 0 (any free one) to 65535.`,
  );
}
