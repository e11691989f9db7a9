/** The page's side of the benchmarks: what the command calls once the page is open. */
import '@tensorflow/tfjs-backend-webgpu';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { watchAdapters } from './adapter.ts';
import { watchCreations } from './creations.ts';
import { firstStep } from './first-step.ts';
import { measure } from './measure.ts';

const benchmarks = { measure, firstStep };

export type PageBenchmarks = typeof benchmarks;

watchAdapters();
watchCreations();
setWasmPaths('/tfjs-wasm/');
setThreadsCount(navigator.hardwareConcurrency);
Object.assign(globalThis, { kronlabBenchmarks: benchmarks });
