/** What is minimised, by what is to be learnt. */
import type { DatasetTask } from '../../contract/data-kinds.ts';
import type { Tensor } from '../program/graph.ts';
import { binaryCrossEntropy } from '../program/operations/binary-cross-entropy.ts';
import { crossEntropy, meanSquaredError, type Loss, type MixedLabels } from '../program/operations/loss.ts';

/**
 * The mean loss of outputs [N, C] (language: [N, L, C]): cross-entropy of classes and of every next token, squared error
 * of standardised targets, binary cross-entropy of the labels that are not missing.
 * Classes may have `mixed` labels beside the targets.
 */
export function taskLoss(task: DatasetTask, outputs: Tensor, targets: Tensor, mixed?: MixedLabels): Loss {
  switch (task) {
    case 'classification':
      return crossEntropy(outputs, targets, mixed && { mixed });
    case 'language':
      return crossEntropy(outputs, targets);
    case 'regression':
      return meanSquaredError(outputs, targets);
    case 'multi-label':
      return binaryCrossEntropy(outputs, targets);
    default:
      return task satisfies never;
  }
}
