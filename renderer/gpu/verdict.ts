/** The sentence the GPU page opens with: computed from what was found, never canned. */
import type { KronlabError } from '../../contract/errors.ts';
import type { AdapterReport } from '../../contract/training.ts';
import { adapterName } from '../format/adapter.ts';

export interface Verdict {
  headline: string;
  text: string;
}

export function verdict(adapter: AdapterReport | null, error: KronlabError | null): Verdict {
  if (error) {
    return {
      headline: 'Nothing can be trained here yet: there is no WebGPU adapter.',
      text: `${error.message} Stored runs can be read, compared and exported all the same.`,
    };
  }
  if (!adapter) {
    return { headline: 'Looking for the GPU.', text: 'The training worker asks the system for an adapter.' };
  }
  if (adapter.environment.software) {
    return {
      headline: 'Results are correct here, but slow: no hardware GPU is in use.',
      text:
        'Kronlab is running on a software adapter. Everything works. Steps can be compared with any machine; ' +
        'wall-clock only with runs from this same adapter.',
    };
  }
  return {
    headline: `Training runs on ${adapterName(adapter.environment)}.`,
    text: 'Steps can be compared with any machine; wall-clock only with runs from this same adapter.',
  };
}
