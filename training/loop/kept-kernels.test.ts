import { expect, test } from 'vitest';
import type { Environment } from '../../contract/runs.ts';
import type { KernelOwner, KernelStore } from '../../contract/training.ts';
import { openDawn } from '../../gpu-kernels/dawn.ts';
import { KernelChoices } from '../../gpu-kernels/tuning/kernel-choices.ts';
import { tinyDataset, tinySpec } from './test-trainer.ts';
import { createTrainer } from './trainer.ts';

/** Remembers the last table; says when it was asked. */
class TestStore implements KernelStore {
  asked: KernelOwner[] = [];
  kept: Readonly<Record<string, string>>[] = [];

  read(owner: KernelOwner): Promise<unknown> {
    this.asked.push(owner);
    return Promise.resolve(this.kept.at(-1) ?? { nonsense: 7 });
  }

  keep(owner: KernelOwner, choices: Readonly<Record<string, string>>): Promise<void> {
    expect(owner).toEqual(this.asked[0]);
    this.kept.push(choices);
    return Promise.resolve();
  }
}

/** Trains for a few steps on the adapter at hand, under its own name or under that of a card. */
async function train(kernels: KernelStore, card?: Partial<GPUAdapterInfo>): Promise<Environment> {
  const gpu = await openDawn();
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (adapter && card) Object.defineProperty(adapter, 'info', { value: card });
    return adapter;
  };
  const trainer = await createTrainer({
    gpu,
    host: 'test',
    appVersion: '0',
    loadDataset: () => Promise.resolve(tinyDataset()),
    kernels,
  });
  const environments: Environment[] = [];
  const listener = {
    started: ({ environment }: { environment: Environment }) => void environments.push(environment),
    progress: () => undefined,
    append: () => undefined,
  };
  const control = { command: 'run', changed: () => new Promise<void>(() => undefined) } as const;
  await trainer.train(tinySpec({ steps: 2, evaluateEvery: 2 }), listener, control);
  trainer.dispose();
  return environments[0]!;
}

test('a software adapter never asks for measured kernels, and keeps none', async () => {
  const store = new TestStore();
  const environment = await train(store);
  if (!environment.software) return;
  expect(store.asked).toEqual([]);
  expect(store.kept).toEqual([]);
  expect(environment.kernels).toBeUndefined();
});

test('what was measured on a card is kept, recorded with the run, and read at the next start', async () => {
  const store = new TestStore();
  const card = { vendor: 'maker', architecture: 'chip', description: 'Card', device: '' };
  const first = await train(store, card);
  expect(first.software).toBe(false);
  expect(store.asked[0]?.adapter).toBe('Card | maker | chip');
  const [kept] = store.kept;
  expect(Object.keys(kept!).length).toBeGreaterThan(0);
  const choices = new KernelChoices();
  choices.load(kept);
  expect(first.kernels).toBe(choices.fingerprint);

  // The next start knows them; it measures only what there was no time for.
  const second = await train(store, card);
  expect(store.kept.at(-1)).toMatchObject(kept!);
  choices.load(store.kept.at(-1));
  expect(second.kernels).toBe(choices.fingerprint);
});
