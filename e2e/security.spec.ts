/**
 * The browser host against what else runs on this machine: every page in every browser can reach its port, so what it
 * answers must depend on who asks. Its rules are tested one by one beside it; here a real browser tries.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askPort } from '../main/browser/test-host.ts';
import { expect, test } from './support/lab.ts';

const portOf = (url: string) => Number(new URL(url).port);
const tokenOf = (url: string) => new URLSearchParams(new URL(url).hash.slice(1)).get('token');

test('requests under another name or from another page are refused', async ({ lab }) => {
  const port = portOf(lab.url);
  const status = async (path: string, headers: Record<string, string>) =>
    (await askPort(port, { path, headers })).status;
  const host = `127.0.0.1:${port}`;
  expect(await status('/', { Host: host })).toBe(200);
  for (const path of ['/', '/session', '/rpc']) {
    expect(await status(path, { Host: `evil.example:${port}` }), `${path} by another name`).toBe(403);
    expect(await status(path, { Host: `localhost:${port}` }), `${path} as localhost`).toBe(403);
    expect(await status(path, { Host: host, Origin: 'https://evil.example' }), `${path} from elsewhere`).toBe(
      403,
    );
  }
});

test('a page of another server on this machine gets nothing, cookie or not', async ({ lab, labPage }) => {
  await expect(labPage.getByRole('heading', { name: 'No runs yet' })).toBeVisible();
  const labOrigin = new URL(lab.url).origin;
  const elsewhere = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>Elsewhere</title>');
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  try {
    // The same browser and the same host name: cookies do not know ports, so the lab's cookie goes along.
    const stranger = await labPage.context().newPage();
    await stranger.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
    const attempts = await stranger.evaluate(async (origin) => {
      const outcome = (promise: Promise<unknown>) =>
        promise.then(
          () => 'let in',
          () => 'kept out',
        );
      const socket = new Promise<void>((resolve, reject) => {
        const line = new WebSocket(`${origin.replace('http', 'ws')}/rpc?client=stranger-window`);
        line.onopen = () => resolve();
        line.onerror = () => reject(new Error('refused'));
      });
      return {
        socket: await outcome(socket),
        page: await outcome(fetch(origin, { credentials: 'include' })),
        session: await outcome(fetch(`${origin}/session`, { credentials: 'include' })),
      };
    }, labOrigin);
    expect(attempts).toEqual({ socket: 'kept out', page: 'kept out', session: 'kept out' });
    const frame = await stranger.evaluate(
      (origin) =>
        new Promise<string>((resolve) => {
          const element = document.createElement('iframe');
          element.onload = () => {
            let text = 'not to be read';
            try {
              text = element.contentDocument?.title ?? text;
            } catch (error) {
              text = `not to be read: ${String(error)}`;
            }
            resolve(text);
          };
          element.src = origin;
          document.body.append(element);
        }),
      labOrigin,
    );
    expect(frame).toMatch(/^not to be read/);
    await stranger.close();
  } finally {
    elsewhere.close();
  }
});

test('the address of the terminal opens one window only', async ({ lab, labPage, browser }) => {
  await expect(labPage.getByRole('heading', { name: 'No runs yet' })).toBeVisible();
  expect(tokenOf(labPage.url()), 'the token is gone from the address').toBeNull();
  const cookies = await labPage.context().cookies();
  expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);

  const otherWindow = await browser.newContext();
  const page = await otherWindow.newPage();
  await page.goto(lab.url);
  await expect(page.getByText('This page has lost its key to the lab.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'No runs yet' })).toBeHidden();
  await otherWindow.close();

  await labPage.reload();
  await expect(labPage.getByRole('heading', { name: 'No runs yet' })).toBeVisible();
});

test('the content policy stops script that is not the app’s, and the fixture hears of it', async ({
  labPage,
  complaints,
}) => {
  await expect(labPage.getByRole('heading', { name: 'No runs yet' })).toBeVisible();
  expect(complaints).toEqual([]);
  const ran = await labPage.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.injected = true';
    document.head.append(script);
    return 'injected' in globalThis;
  });
  expect(ran).toBe(false);
  await expect.poll(() => complaints.join('\n')).toMatch(/content policy: script-src/);
  complaints.length = 0;
});
