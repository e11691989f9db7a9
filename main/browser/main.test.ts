import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { askInstance, becomeInstance } from './instance.ts';

const script = fileURLToPath(new URL('./main.ts', import.meta.url));
const urlLine = /^KRONLAB_URL http:\/\/127\.0\.0\.1:(\d+)\/#token=([\w-]{43})\n$/;

let folder: string;
let dataDir: string;
let page: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kronlab-host-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  dataDir = join(folder, 'data');
  page = join(folder, 'page');
  mkdirSync(page);
  writeFileSync(join(page, 'index.html'), '<!doctype html>');
});

interface Started {
  out: () => string;
  err: () => string;
  /** Resolves when something was printed on standard output, or the process ended. */
  spoke: Promise<void>;
  ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [script, '--data', dataDir, '--renderer', page, ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const first = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  const spoke = Promise.race([first, ended.then(() => undefined)]);
  return { out: () => out, err: () => err, spoke, ended, kill: (signal) => child.kill(signal) };
}

describe('the browser host as a program', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('says one line, serves, and ends cleanly on %s', async (signal) => {
    const host = start();
    await host.spoke;
    const [, port] = urlLine.exec(host.out()) ?? [];
    const answer = await fetch(`http://127.0.0.1:${port ?? ''}/`);
    expect(await answer.text()).toBe('<!doctype html>');
    if (process.platform !== 'win32')
      expect(statSync(join(dataDir, 'browser-host.json')).mode & 0o777).toBe(0o600);
    host.kill(signal);
    expect(await host.ended).toBe(0);
    expect(host.err()).toBe('');
    expect(readdirSync(dataDir).sort()).toEqual(['browser-host.lock', 'kronlab.sqlite3']);
  });

  it('lets a second start into the first, which goes on', async () => {
    const first = start();
    await first.spoke;
    const second = start();
    expect(await second.ended).toBe(0);
    expect(second.err()).toContain('running already');
    const [, firstPort, firstToken] = urlLine.exec(first.out()) ?? [];
    const [, secondPort, secondToken] = urlLine.exec(second.out()) ?? [];
    expect(secondPort).toBe(firstPort);
    expect(secondToken).not.toBe(firstToken);
    const origin = `http://127.0.0.1:${firstPort ?? ''}`;
    const knock = await fetch(`${origin}/session`, {
      method: 'POST',
      headers: { Origin: origin, 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: secondToken }),
    });
    expect(knock.status).toBe(204);
  });

  it('starts again after a crash', async () => {
    const first = start();
    await first.spoke;
    first.kill('SIGKILL');
    await first.ended;
    const second = start();
    await second.spoke;
    expect(second.out()).toMatch(urlLine);
    expect(second.err()).toBe('');
  });

  it.each<[string[], RegExp]>([
    [['--prot', '80'], /^Unknown option '--prot'\. Usage: .*--port NUMBER.*\n$/],
    [['--port', 'http'], /^--port http: a port is a whole number from 0 .* to 65535\.\n$/],
    [['--port', '65536'], /^--port 65536: /],
    [['extra'], /^Unexpected argument 'extra'\..*\n$/],
    [['--renderer', '/nowhere'], /^\S*nowhere has no built page\. .*npm run build.*\n$/],
  ])('answers %j with one readable line', async (args, words) => {
    const host = start(...args);
    expect(await host.ended).toBe(1);
    expect(host.err()).toMatch(words);
    expect(host.out()).toBe('');
  });
});

describe('an instance that holds the folder but does not answer', () => {
  it('is named, with what to do', async () => {
    mkdirSync(dataDir);
    const instance = await becomeInstance(dataDir);
    expect(await becomeInstance(dataDir)).toBeNull();
    await instance?.announce({ port: 1, secret: 'x' });
    expect(JSON.parse(readFileSync(join(dataDir, 'browser-host.json'), 'utf8'))).toEqual({
      port: 1,
      secret: 'x',
    });
    await expect(askInstance(dataDir, { tries: 2, pauseMs: 10 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/running already .*--data/),
    });
    await instance?.release();
    const next = await becomeInstance(dataDir);
    expect(next).not.toBeNull();
    await next?.release();
  });
});
