/**
 * Training runs in this dedicated worker, so that the window stays smooth while the GPU works. A thin adapter: messages
 * of the contract on one side, the engine's `Trainer` on the other. The device and its compiled programs are kept from
 * run to run; a failed start is forgotten, so that the next request tries afresh.
 */
import '../no-eval.ts';
import type { StoredFiles } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { KernelStore, Trainer, WorkerMessage, WorkerRequest } from '../../contract/training.ts';
import { bytesSource } from '../../datasets/import/byte-source.ts';
import { loadDataset } from '../../datasets/web.ts';
import type { WeightsExchange } from '../../training/models/weights.ts';
import { createTrainer } from '../../training/loop/trainer.ts';
import { version } from '../../package.json';
import { hostName } from './host-name.ts';
import { RunControl } from './run-control.ts';
import { WindowRequests } from './window-requests.ts';

let trainer: Promise<Trainer> | null = null;
let control: RunControl | null = null;
/** Takes the window's answer to `read-kernels`. */
let takeChoices: (choices: unknown) => void = () => undefined;

/** The window has the client; the worker asks it. */
const kernels: KernelStore = {
  read: (owner) =>
    new Promise((resolve) => {
      takeChoices = resolve;
      send({ type: 'read-kernels', owner });
    }),
  keep(owner, choices) {
    send({ type: 'keep-kernels', owner, choices });
    return Promise.resolve();
  },
};

const imported = new WindowRequests<StoredFiles>((request, id) =>
  send({ type: 'read-dataset', request, id }),
);
const files = new WindowRequests<Uint8Array<ArrayBuffer>>((request, hash) =>
  send({ type: 'read-weights', request, hash }),
);
/** The run in training. */
let training: string | null = null;

function send(message: WorkerMessage, transfer: Transferable[] = []): void {
  postMessage(message, { transfer });
}

const weights: WeightsExchange = {
  async find(hash) {
    const bytes = await files.fetch(hash);
    return bytesSource(bytes, `start weights ${hash.slice(0, 12)}`);
  },
  async keep(pieces, { status }) {
    // What is no number any more starts nothing.
    if (training === null || status === 'diverged') return;
    const bytes = await new Blob(pieces).bytes();
    send({ type: 'weights', runId: training, bytes }, [bytes.buffer]);
  },
};

function getTrainer(): Promise<Trainer> {
  trainer ??= openTrainer().catch((error: unknown) => {
    trainer = null;
    throw error;
  });
  return trainer;
}

function openTrainer(): Promise<Trainer> {
  return createTrainer({
    // Absent where the browser has no WebGPU, whatever the type says; the engine then tells what to switch on.
    gpu: 'gpu' in navigator ? navigator.gpu : undefined,
    host: hostName(navigator.userAgent),
    appVersion: version,
    loadDataset: (spec) => loadDataset(spec, undefined, (id) => imported.fetch(id)),
    kernels,
    weights,
  });
}

async function probe(): Promise<void> {
  try {
    send({ type: 'adapter', report: (await getTrainer()).adapter });
  } catch (error) {
    send({ type: 'failed', runId: null, error: KronlabError.from(error).toShape() });
  }
}

async function train(runId: string, spec: RunSpec): Promise<void> {
  const own = new RunControl();
  control = own;
  training = runId;
  try {
    const active = await getTrainer();
    send({ type: 'adapter', report: active.adapter });
    const result = await active.train(
      spec,
      {
        started: (info) => send({ type: 'started', runId, ...info }),
        progress: (progress) => send({ type: 'progress', runId, progress }),
        append: (metrics, events) => send({ type: 'append', runId, metrics, events }),
      },
      own,
    );
    send({ type: 'finished', runId, result });
  } catch (error) {
    const failure = KronlabError.from(error);
    if (failure.code === 'device-lost') trainer = null;
    send({ type: 'failed', runId, error: failure.toShape() });
  } finally {
    if (control === own) control = null;
    if (training === runId) training = null;
  }
}

addEventListener('message', (event: MessageEvent<WorkerRequest>) => {
  const request = event.data;
  switch (request.type) {
    case 'probe':
      return void probe();
    case 'train':
      return void train(request.runId, request.spec);
    case 'kernels':
      takeChoices(request.choices);
      return undefined;
    case 'dataset':
      imported.take(request);
      return undefined;
    case 'weights':
      files.take(request);
      return undefined;
    case 'command':
      return control?.set(request.command);
    default:
      return request satisfies never;
  }
});
