/** Starts the training worker and gives it the shape that the queue expects. */
import type { WorkerMessage } from '../../contract/training.ts';
import type { TrainingPort } from '../state/trainer.svelte.ts';

export function openTrainingPort(): TrainingPort {
  const worker = new Worker(new URL('./training-worker.ts', import.meta.url), {
    type: 'module',
    name: 'training',
  });
  return {
    postMessage: (request, transfer = []) => worker.postMessage(request, transfer),
    onMessage(listener) {
      worker.addEventListener('message', (event: MessageEvent<WorkerMessage>) => listener(event.data));
    },
    onCrash(listener) {
      worker.addEventListener('error', (event) =>
        listener(event.message || 'its script could not be loaded'),
      );
      worker.addEventListener('messageerror', () => listener('a message could not be read'));
    },
    terminate: () => worker.terminate(),
  };
}
