/** Data sets as the Node side keeps and describes them, and what crosses while one is imported. */
import { z } from 'zod';
import { datasetKinds, datasetTasks, targetTasks } from './data-kinds.ts';

export const importFormats = [
  'idx',
  'cifar',
  'npy',
  'npz',
  'images',
  'csv',
  'json-lines',
  'parquet',
  'smiles',
  'sdf',
  'graph-json',
  'text',
  'safetensors',
] as const;
export type ImportFormat = (typeof importFormats)[number];

/** Characters of the name of a data set. */
export const longestName = 200;
const nameSchema = z.string().trim().min(1).max(longestName);
const tagsSchema = z.array(z.string().trim().min(1).max(40)).max(20);

export const columnSchema = z.object({
  name: z.string(),
  type: z.enum(['number', 'category']),
  value: z.string().exactOptional(),
});

export const rangeSchema = z.object({ min: z.number(), max: z.number(), mean: z.number(), std: z.number() });
export type ValueRange = z.infer<typeof rangeSchema>;

/** How many examples have a label, have it not, and are not known. */
export const labelCountsSchema = z.object({ positive: z.int(), negative: z.int(), missing: z.int() });
export type LabelCounts = z.infer<typeof labelCountsSchema>;

export const datasetStatisticsSchema = z.object({
  bytes: z.number(),
  classCounts: z.array(z.number()).nullable(),
  inputs: rangeSchema.nullable(),
  columns: z.array(rangeSchema).nullable(),
  targets: z.array(rangeSchema).nullable(),
  /** Of each label, where the task is multi-label. */
  labels: z.array(labelCountsSchema).exactOptional(),
  meanImage: z.array(z.number()).nullable(),
  graphs: z.object({ nodes: rangeSchema, edges: rangeSchema }).nullable(),
});

export const skipReportSchema = z.object({
  total: z.int().gte(0),
  reasons: z.array(z.object({ reason: z.string(), count: z.int(), first: z.string() })),
  columns: z.array(z.object({ name: z.string(), reason: z.string() })).exactOptional(),
});

export const givenSplitSchema = z.object({
  name: z.string(),
  start: z.int().gte(0),
  count: z.int().gte(1),
});

/** Everything about a data set but its tensors. */
export const datasetRecordSchema = z.object({
  id: z.string(),
  hash: z.string(),
  name: z.string(),
  tags: z.array(z.string()),
  kind: z.enum(datasetKinds),
  task: z.enum(datasetTasks),
  examples: z.int().gte(1),
  /** Shapes of the tensors by name. */
  shapes: z.record(z.string(), z.array(z.int().gte(0))),
  classes: z.array(z.string()),
  columns: z.array(columnSchema),
  edgeColumns: z.array(columnSchema),
  targets: z.array(z.string()),
  splits: z.array(givenSplitSchema),
  skipped: skipReportSchema,
  /** Of which format and which files it was imported. */
  source: z.object({ format: z.string(), files: z.array(z.string()) }),
  importedMs: z.number(),
  statistics: datasetStatisticsSchema,
});

export type DatasetRecord = z.infer<typeof datasetRecordSchema>;

/** An imported data set as it is kept: its record, and the bytes of the safetensors file of its tensors. */
export interface StoredFiles {
  record: DatasetRecord;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What a list shows of a data set. */
export const datasetSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Part of the lab: cannot be renamed, tagged or deleted. */
  bundled: z.boolean(),
  kind: z.enum(datasetKinds),
  task: z.enum(datasetTasks),
  examples: z.number(),
  /** Of one example: `[C, H, W]`, `[D]`, `[Fn, Fe]` of a graph's nodes and edges, 1 where they have none; empty for a text. */
  shape: z.array(z.number()),
  classCount: z.number(),
  targets: z.array(z.string()),
  /** Whether the set itself makes a split. */
  isSplit: z.boolean(),
  bytes: z.number(),
  tags: z.array(z.string()),
  /** Runs outside of the trash that use it. */
  runs: z.number(),
  /** Null for a bundled one. */
  importedMs: z.number().nullable(),
});
export type DatasetSummary = z.infer<typeof datasetSummarySchema>;

/** Pixels of at most 64 along a side, for people to look at: bytes 0 to 255 over the range of all values shown. */
const sampleImageSchema = z.object({
  width: z.int(),
  height: z.int(),
  /** 1 or 3, interleaved. */
  channels: z.int(),
  /** Base64. */
  pixels: z.string(),
  label: z.string(),
});
export type SampleImage = z.infer<typeof sampleImageSchema>;

const sampleGraphSchema = z.object({
  nodes: z.int(),
  /** Sender and receiver. */
  edges: z.array(z.tuple([z.int(), z.int()])),
  label: z.string(),
});
export type SampleGraph = z.infer<typeof sampleGraphSchema>;

/** A few examples, from the beginning to the end of the set. */
export const datasetSampleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('images'), images: z.array(sampleImageSchema) }),
  z.object({ kind: z.literal('table'), columns: z.array(z.string()), rows: z.array(z.array(z.string())) }),
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('graphs'), graphs: z.array(sampleGraphSchema) }),
]);
export type DatasetSample = z.infer<typeof datasetSampleSchema>;

export const datasetDetailsSchema = z.object({
  summary: datasetSummarySchema,
  record: datasetRecordSchema,
  licence: z.string().nullable(),
  /** Who made it and where it comes from; null where the lab does not know. */
  origin: z.string().nullable(),
  sample: datasetSampleSchema,
});
export type DatasetDetails = z.infer<typeof datasetDetailsSchema>;

const columnName = z.string().max(2000);
/** `ignore` leaves a column out. */
export const chosenColumnTypes = ['number', 'category', 'ignore'] as const;
const columnTypeSchema = z.enum(chosenColumnTypes);
export type ChosenColumnType = z.infer<typeof columnTypeSchema>;

export const csvSeparators = [',', ';', '\t', '|', ' '] as const;
export type CsvSeparator = (typeof csvSeparators)[number];
export const decimalMarks = ['.', ','] as const;
export type DecimalMark = (typeof decimalMarks)[number];

/** What a person chooses of an import; whatever is left out is found out. */
export const importOptionsSchema = z.strictObject({
  name: nameSchema.optional(),
  format: z.enum(importFormats).optional(),
  target: z.union([columnName, z.array(columnName).min(1).max(5000)]).optional(),
  task: z.enum(targetTasks).optional(),
  types: z.record(columnName, columnTypeSchema).optional(),
  /** Which of the files holds the labels, by its name (IDX, NPY). */
  labels: z.string().max(2000).optional(),
  /** Whether the first row of a CSV file holds names. */
  header: z.boolean().optional(),
  separator: z.enum(csvSeparators).optional(),
  decimal: z.enum(decimalMarks).optional(),
  imageShape: z
    .tuple([z.int().gte(1).lte(65_536), z.int().gte(1).lte(65_536), z.int().gte(1).lte(65_536)])
    .optional(),
});
export type ImportOptions = z.output<typeof importOptionsSchema>;

/** How many names `ImportChoices` lists at most. */
export const mostChoices = 200;

/**
 * What comes with an error of a preview: the format that was found, and what a choice could mend it, names of targets or
 * of files that could hold the labels.
 */
export const importChoicesSchema = z.object({
  format: z.enum(importFormats).exactOptional(),
  targets: z.array(z.string()).exactOptional(),
  files: z.array(z.string()).exactOptional(),
});
export type ImportChoices = z.infer<typeof importChoicesSchema>;

/** The columns of a table as its first rows show them. */
const previewTableSchema = z.object({
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['number', 'category']),
      /** Different texts of a category; 0 for numbers. */
      different: z.number(),
      missing: z.number(),
      min: z.number().nullable(),
      max: z.number().nullable(),
    }),
  ),
  rows: z.array(z.array(z.string())),
  /** How many rows the columns were judged by. */
  read: z.number(),
  task: z.enum(targetTasks),
});
export type PreviewTable = z.infer<typeof previewTableSchema>;

export const importPreviewSchema = z.object({
  name: z.string(),
  format: z.enum(importFormats),
  files: z.number(),
  bytes: z.number(),
  kind: z.enum(datasetKinds),
  task: z.enum(datasetTasks),
  /** Null where only the beginning was read. */
  examples: z.number().nullable(),
  shape: z.array(z.number()),
  /** At most 1000. */
  classes: z.array(z.string()),
  splits: z.array(givenSplitSchema),
  table: previewTableSchema.nullable(),
  /** What of the files could be predicted, and which of these is; empty where there is no choice. */
  candidates: z.array(z.string()),
  chosen: z.array(z.string()),
  /** Names of what is predicted: an array may be several targets. */
  targets: z.array(z.string()),
  sample: datasetSampleSchema.nullable(),
  /** Of what was read for the preview. */
  skipped: skipReportSchema,
});
export type ImportPreview = z.infer<typeof importPreviewSchema>;

/**
 * What became of an import: it is kept; the same data was there already, or in the trash, and keeps its name; or it was
 * there and damaged, and is whole again.
 */
export const importOutcomes = ['new', 'known', 'restored', 'repaired'] as const;
export type ImportOutcome = (typeof importOutcomes)[number];

const importId = z.string().regex(/^[\w-]{8,64}$/);
const datasetId = z.string().min(1).max(100);

/** Calls about data sets that are there. */
export const datasetCalls = {
  /** Bundled ones first, then imported ones, the newest first; of the trash, the imported ones in it. */
  'datasets.list': {
    input: z.strictObject({ trashed: z.boolean().default(false) }),
    output: z.array(datasetSummarySchema),
  },
  'datasets.get': { input: z.strictObject({ id: datasetId }), output: datasetDetailsSchema },
  'datasets.sample': {
    input: z.strictObject({ id: datasetId, count: z.int().gte(1).lte(100) }),
    output: datasetSampleSchema,
  },
  /** The record of an imported data set, and how many bytes its safetensors file has. */
  'datasets.open': {
    input: z.strictObject({ id: datasetId }),
    output: z.object({ record: datasetRecordSchema, bytes: z.int().gte(0) }),
  },
  /** Bytes of that file from `start`, in Base64; at most `pieceBytes`, fewer where it ends. */
  'datasets.read': {
    input: z.strictObject({ id: datasetId, start: z.int().gte(0) }),
    output: z.object({ bytes: z.string() }),
  },
  'datasets.rename': {
    input: z.strictObject({ id: datasetId, name: nameSchema }),
    output: datasetSummarySchema,
  },
  'datasets.tag': {
    input: z.strictObject({ id: datasetId, tags: tagsSchema }),
    output: datasetSummarySchema,
  },
  /** Into the trash, or back out of it. Refused while a run that waits or trains needs it. */
  'datasets.trash': {
    input: z.strictObject({ id: datasetId, trashed: z.boolean() }),
    output: z.object({ id: z.string() }),
  },
  /**
   * Deletes these sets of the trash for good. Named one by one, so that nothing goes that came in after a person was asked;
   * answers which were there.
   */
  'datasets.emptyTrash': {
    input: z.strictObject({ ids: z.array(datasetId).max(100_000) }),
    output: z.object({ ids: z.array(z.string()), bytes: z.number() }),
  },
} as const;

/**
 * Calls that bring one in. `imports.open` makes an inbox; the host puts files into it (an upload, or files that a person
 * chose or dropped), so that a page can never name a path; then it is previewed and run. An inbox ends with its import,
 * when it is discarded and when its window goes away.
 */
export const importCalls = {
  'imports.open': { input: z.strictObject({}), output: z.object({ id: z.string() }) },
  /** Puts a known public set into the inbox: from this machine, else fetched from its home and checked. */
  'imports.fetch': {
    input: z.strictObject({ id: importId, set: z.enum(['fashion-mnist']) }),
    output: z.object({ origin: z.enum(['machine', 'network']) }),
  },
  'imports.preview': {
    input: z.strictObject({ id: importId, options: importOptionsSchema }),
    output: importPreviewSchema,
  },
  /** Answers when the data set is kept. One import at a time. */
  'imports.run': {
    input: z.strictObject({ id: importId, options: importOptionsSchema }),
    output: z.object({
      /** As it is kept; what was left out is this import's. */
      record: datasetRecordSchema,
      outcome: z.enum(importOutcomes),
    }),
  },
  /** Ends what is being read, fetched or kept; its call rejects with `cancelled`. The inbox stays. */
  'imports.cancel': { input: z.strictObject({ id: importId }), output: z.object({ cancelled: z.boolean() }) },
  'imports.discard': { input: z.strictObject({ id: importId }), output: z.object({ id: z.string() }) },
} as const;

export const datasetEvents = {
  /** These data sets came, went or changed. */
  'datasets.changed': z.object({ ids: z.array(z.string()) }),
  'imports.progress': z.object({
    id: z.string(),
    phase: z.enum(['fetching', 'reading', 'keeping']),
    file: z.string(),
    /** 0 to 1. */
    fraction: z.number(),
  }),
} as const;
export type ImportProgressEvent = z.output<(typeof datasetEvents)['imports.progress']>;
