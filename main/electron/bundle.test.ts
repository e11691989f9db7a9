// The desktop app as it is built and as it would be packaged: what the bundles ask for at run time, and that the
// release closes the doors it should.
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build, type Rolldown, type UserConfig } from 'vite';
import { describe, expect, it } from 'vitest';
import { packaging } from '../../electron-builder.config.ts';
import shellConfig from '../../electron.vite.config.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { callChannel } from './channels.ts';

/** Bundles one part of the shell in memory, with the entry and format of the real build, and nothing external but `external`. */
async function bundle(
  part: 'main' | 'preload',
  external: (id: string) => boolean,
): Promise<Rolldown.OutputChunk[]> {
  const { plugins, build: options } = shellConfig[part] as UserConfig;
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root: join(import.meta.dirname, '../..'),
    plugins: plugins ?? [],
    ssr: { noExternal: true },
    build: {
      ...options,
      write: false,
      ssr: true,
      minify: false,
      rolldownOptions: { ...options?.rolldownOptions, external },
    },
  });
  const { output } = result as Rolldown.RolldownOutput;
  return output.filter((piece) => piece.type === 'chunk');
}

describe('the preload bundle', () => {
  it('is one CommonJS file that needs Electron alone, and works in an empty room', async () => {
    const chunks = await bundle('preload', (id) => id === 'electron');
    expect(chunks).toHaveLength(1);
    const { code, fileName } = chunks[0]!;
    expect(fileName).toBe('preload.cjs');
    const required: string[] = [];
    const exposed: Record<string, { invoke(name: string, input: unknown): unknown }> = {};
    const sent: unknown[] = [];
    const electron = {
      contextBridge: {
        exposeInMainWorld: (name: string, value: (typeof exposed)[string]) => {
          exposed[name] = value;
        },
      },
      ipcRenderer: { invoke: (...args: unknown[]) => sent.push(args) },
    };
    const require = (id: string) => {
      required.push(id);
      return electron;
    };
    runInContext(code, createContext({ require, module: { exports: {} }, exports: {} }));
    expect(required).toEqual(['electron']);
    exposed['kronlab']?.invoke('app.info', {});
    expect(sent).toEqual([[callChannel, 'app.info', {}]]);
  });
});

describe('the main bundle', () => {
  it('leaves only Electron, Node and production dependencies outside', async () => {
    const dependencies = Object.keys(packageJson.dependencies);
    const outside = (id: string) => id === 'electron' || isBuiltin(id) || dependencies.includes(id);
    const chunks = await bundle('main', outside);
    const names = chunks.map(({ fileName }) => fileName);
    expect(names).toContain('main.js');
    expect(packageJson.main).toBe('out/main/main.js');
    for (const { code, imports } of chunks) {
      expect(imports.filter((id) => !outside(id) && !names.includes(id))).toEqual([]);
      // Nothing of the sources is read at run time.
      expect(code).not.toMatch(/\.\/(main|db|contract|datasets|renderer)\//);
    }
    expect(chunks.find(({ fileName }) => fileName === 'main.js')!.imports).toContain('electron');
    // The thread that reads files is found beside whatever starts it, and needs no Electron.
    const worker = chunks.find(({ fileName }) => fileName === 'import-worker.js')!;
    expect(worker.imports).not.toContain('electron');
    const starter = chunks.find(({ code }) => code.includes('./import-worker'))!;
    expect(starter.fileName).not.toContain('/');
  });
});

describe('the package', () => {
  it('closes every fuse in the release', () => {
    expect(packaging('release').electronFuses).toEqual({
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    });
  });

  it('differs in the test flavour by the inspector alone', () => {
    const { electronFuses, ...rest } = packaging('test');
    const release = packaging('release');
    expect(electronFuses).toEqual({ ...release.electronFuses, enableNodeCliInspectArguments: true });
    expect({ ...rest, electronFuses: release.electronFuses }).toEqual(release);
  });

  it('holds what the build makes, with native modules outside the archive and nothing published', () => {
    const { files, asar, asarUnpack, npmRebuild, publish } = packaging('release');
    expect(files).toEqual(
      expect.arrayContaining([
        'out/main/**',
        'out/preload/**',
        'out/renderer/**',
        'datasets/bundled/**',
        'package.json',
      ]),
    );
    expect({ asar, asarUnpack, npmRebuild, publish }).toEqual({
      asar: true,
      asarUnpack: ['**/*.node'],
      npmRebuild: false,
      publish: null,
    });
  });
});
