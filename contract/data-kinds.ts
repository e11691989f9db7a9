/** What data sets are made of and what is learnt from them: the words that files, runs and metrics share. */

/** `datasets/tensor-dataset.ts` says which tensors each kind has. */
export const datasetKinds = ['images', 'table', 'text', 'graphs'] as const;
export type DatasetKind = (typeof datasetKinds)[number];

/**
 * `classification` predicts one class of several, `regression` numbers, `language` the next token of a text, and
 * `multi-label` for each of several labels whether an example has it.
 */
export const datasetTasks = ['classification', 'regression', 'language', 'multi-label'] as const;
export type DatasetTask = (typeof datasetTasks)[number];

/** What can be learnt of columns that an import takes as targets. */
export const targetTasks = ['classification', 'regression', 'multi-label'] as const satisfies DatasetTask[];
export type TargetTask = (typeof targetTasks)[number];
