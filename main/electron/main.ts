// The entry of Electron's main process: hands the real module and the real paths to `boot`.
import { join } from 'node:path';
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  powerSaveBlocker,
  protocol,
  session,
  shell,
} from 'electron';
import { dataDirectory } from '../services/paths.ts';
import { boot } from './boot.ts';

const dataDir = dataDirectory();
// This file is built to `out/main`; the preload script and the renderer lie beside it.
const out = join(import.meta.dirname, '..');

void boot(
  { app, BrowserWindow, dialog, ipcMain, Menu, powerSaveBlocker, protocol, session, shell },
  {
    dataDir,
    userData: join(dataDir, 'electron'),
    renderer: join(out, 'renderer'),
    preload: join(out, 'preload', 'preload.cjs'),
    bundled: join(out, '..', 'datasets', 'bundled'),
  },
  process.platform,
);
