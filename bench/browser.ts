/**
 * The browser that the benchmarks run in: the page built by Vite, served from this machine with the headers that give
 * wasm its threads, in the Chromium that the lab itself uses and with the same switches.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';
import type { AddressInfo } from 'node:net';
import { chromium } from '@playwright/test';
import { build } from 'vite';
import { chromiumSwitches, ensureChromium } from '../tools/chromium.ts';
import { wgsl } from '../tools/wgsl-vite.ts';
import type { PageBenchmarks } from './page/main.ts';

const root = resolve(import.meta.dirname, '..');
const builtPage = join(root, 'out', 'bench');
const tfjsWasm = join(root, 'node_modules', '@tensorflow', 'tfjs-backend-wasm', 'dist');

export interface BenchPage {
  /** Calls one of the page's benchmarks in a browser that nothing has run in yet, and closes it. */
  call<Name extends keyof PageBenchmarks>(
    name: Name,
    argument: Parameters<PageBenchmarks[Name]>[0],
  ): Promise<Awaited<ReturnType<PageBenchmarks[Name]>>>;
  close(): Promise<void>;
}

/** Builds and serves the page. What the page says on the way goes to `say`. */
export async function openBenchPage(say: (line: string) => void): Promise<BenchPage> {
  await buildPage();
  const server = await serve();
  const { port } = server.address() as AddressInfo;
  const executablePath = ensureChromium(say);
  return {
    async call(name, argument) {
      // A browser keeps compiled kernels in its GPU process: every call gets a new one.
      const browser = await chromium.launch({ executablePath, args: chromiumSwitches() });
      try {
        const page = await browser.newPage();
        page.on('console', (message) => say(message.text()));
        page.on('pageerror', (error) => say(`error in the page: ${error.message}`));
        await page.goto(`http://127.0.0.1:${port}/index.html`);
        return await page.evaluate(
          async ([method, value]) => {
            const { kronlabBenchmarks } = globalThis as unknown as {
              kronlabBenchmarks: Record<string, (value: unknown) => Promise<unknown>>;
            };
            return (await kronlabBenchmarks[method]?.(value)) as never;
          },
          [name, argument] as const,
        );
      } finally {
        await browser.close();
      }
    },
    close: () => new Promise<void>((done) => server.close(() => done())),
  };
}

async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    root: join(root, 'bench', 'page'),
    logLevel: 'error',
    plugins: [wgsl()],
    build: {
      outDir: builtPage,
      emptyOutDir: true,
      target: 'chrome140',
      // The wasm backend of TensorFlow.js sends the text of its functions to its threads: names must stay.
      minify: false,
      chunkSizeWarningLimit: 8192,
      rolldownOptions: { checks: { bundlerTimings: false } },
    },
  });
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = path.startsWith('/tfjs-wasm/')
      ? join(tfjsWasm, path.slice('/tfjs-wasm/'.length))
      : join(builtPage, path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      // Shared memory, and with it wasm threads, is for isolated pages only.
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((ready) => {
    server.listen(0, '127.0.0.1', () => ready(server));
  });
}
