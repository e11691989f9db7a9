// How the desktop app is packaged: plain data with types. `electron-builder --config electron-builder.config.ts` reads
// it; `KRONLAB_FLAVOUR=test` makes the one build that end-to-end tests of the packaged app can attach to.
import type { Configuration } from 'electron-builder';

export type Flavour = 'release' | 'test';

/**
 * The packaged app for a flavour. A release closes every door into Electron that is not the app's own: it cannot be
 * run as plain Node, takes no Node options or inspector, and loads only its own, checked archive.
 */
export function packaging(flavour: Flavour): Configuration {
  return {
    appId: 'org.kronlab.app',
    productName: 'Kronlab',
    copyright: 'MIT License, Kronlab contributors',
    directories: { output: 'out/packages' },
    files: [
      'out/main/**',
      'out/preload/**',
      'out/renderer/**',
      'datasets/bundled/**',
      'package.json',
      'LICENSE',
    ],
    asar: true,
    asarUnpack: ['**/*.node'],
    // The SQLite driver ships one Node-API binary per platform; there is nothing to rebuild.
    npmRebuild: false,
    // Nothing is uploaded and nothing calls home.
    publish: null,
    electronFuses: {
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      // Playwright attaches to the packaged app through this one.
      enableNodeCliInspectArguments: flavour === 'test',
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    },
    linux: { target: ['AppImage', 'deb'], category: 'Science', maintainer: 'Kronlab contributors' },
    mac: { target: ['dmg'], category: 'public.app-category.developer-tools' },
    win: { target: ['nsis'] },
  };
}

export default packaging(process.env['KRONLAB_FLAVOUR'] === 'test' ? 'test' : 'release');
