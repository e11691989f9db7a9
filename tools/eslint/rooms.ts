/**
 * Which room may use what: the table behind the lint rule `kronlab/import-direction`, and the picture in
 * `docs/architecture.md` as data. Imports point down only, so a room can be understood, tested and replaced with what
 * stands below it.
 */

export interface Room {
  folder: string;
  /** Rooms it may import besides itself; the rooms' own exact names. */
  mayImport: readonly string[];
  /** Whether Node built-ins are there where the room's code runs. */
  node: boolean;
}

const ground = ['contract', 'gpu-kernels', 'datasets'];
const pure = ['training/statistics', 'training/charts', 'training/export'];
const engine = [...ground, 'training', ...pure];
const nodeSide = ['contract', 'db', 'datasets', 'datasets/node', ...pure];
const everything = [
  ...engine,
  'datasets/node',
  'db',
  'goldens',
  'cli',
  'main/services',
  'main/browser',
  'main/electron',
  'tools',
];

/** Longer folders first where one holds the other: the first that fits is the file's room. */
export const rooms: readonly Room[] = [
  { folder: 'contract', mayImport: [], node: false },
  { folder: 'gpu-kernels', mayImport: ['contract'], node: false },
  { folder: 'db', mayImport: ['contract'], node: true },
  { folder: 'datasets/node', mayImport: ['contract', 'datasets'], node: true },
  { folder: 'datasets', mayImport: ['contract'], node: false },
  // Pure functions of stored series: the Node side's exports use them too, so they may not need the engine.
  { folder: 'training/statistics', mayImport: ['contract'], node: false },
  { folder: 'training/charts', mayImport: ['contract', 'training/statistics'], node: false },
  {
    folder: 'training/export',
    mayImport: ['contract', 'datasets', 'training/statistics', 'training/charts'],
    node: false,
  },
  { folder: 'training', mayImport: engine, node: false },
  { folder: 'goldens', mayImport: engine, node: true },
  { folder: 'renderer', mayImport: engine, node: false },
  { folder: 'main/services', mayImport: nodeSide, node: true },
  { folder: 'main/browser', mayImport: ['contract', 'main/services'], node: true },
  { folder: 'main/electron', mayImport: ['contract', 'main/services'], node: true },
  { folder: 'cli', mayImport: [...engine, ...nodeSide, 'goldens', 'main/services'], node: true },
  { folder: 'bench', mayImport: everything, node: true },
  { folder: 'e2e', mayImport: everything, node: true },
  { folder: 'tools', mayImport: everything, node: true },
];

/** Packages that belong to certain rooms; every other package may be used anywhere. */
export const packageRooms: Readonly<Record<string, readonly string[]>> = {
  electron: ['main/electron'],
  'better-sqlite3': ['db'],
  ws: ['main/browser', 'e2e', 'bench'],
  // Peers of the benchmarks: never part of the app.
  '@jax-js/jax': ['bench'],
  '@tensorflow/tfjs': ['bench'],
  '@tensorflow/tfjs-backend-wasm': ['bench'],
  '@tensorflow/tfjs-backend-webgpu': ['bench'],
  // Node's WebGPU has one door, gpu-kernels/dawn.ts.
  webgpu: ['gpu-kernels'],
  svelte: ['renderer'],
  'bits-ui': ['renderer'],
};

/** The room of a file given by its path from the project's root with forward slashes; null outside all rooms. */
export function roomOf(path: string): Room | null {
  return rooms.find(({ folder }) => path === folder || path.startsWith(`${folder}/`)) ?? null;
}

/** Tests run in Node whatever room they test, and may open a GPU or a socket of their own. */
export function isTestFile(path: string): boolean {
  return /\.test\.ts$/.test(path) || /(^|\/)test-[\w-]+\.ts$/.test(path);
}
