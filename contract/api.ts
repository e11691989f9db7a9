/**
 * Every call that crosses from the UI (or the command line) to the Node side, and every event that comes back.
 * `main/services` implements it, the three transports carry it, `createClient` calls it.
 */
import { z } from 'zod';
import { datasetCalls, datasetEvents, importCalls } from './datasets.ts';
import { runSpecSchema } from './run-spec.ts';
import {
  comparisonSchema,
  environmentSchema,
  layerReportSchema,
  metricBatchSchema,
  metricKeySchema,
  runEventSchema,
  runStatusSchema,
  runSummarySchema,
  seriesSchema,
} from './runs.ts';
import { weightCalls } from './weights.ts';

const runId = z.string().min(1);
const none = z.strictObject({});

/** Files an export can hold; columns are documented in `docs/csv.md`. */
export const exportKinds = ['runs.csv', 'metrics_long.csv', 'comparison.csv', 'comparison.svg'] as const;
export const exportKindSchema = z.enum(exportKinds);
export type ExportKind = z.infer<typeof exportKindSchema>;

const themeSchema = z.enum(['system', 'light', 'dark']);
/** `NORMAL` is safe against a crash of the app, `FULL` also against loss of power. */
const durabilitySchema = z.enum(['NORMAL', 'FULL']);
/** Colour slot (1 to 8) of each group hash: a group keeps its colour after a restart. */
const groupSlotsSchema = z.record(z.string(), z.int().gte(1).lte(8));
/** The unfinished form of "New comparison" as JSON text; empty when there is none. */
const draftSchema = z.string().max(200_000);

export const settingsSchema = z.strictObject({
  theme: themeSchema.default('system'),
  durability: durabilitySchema.default('NORMAL'),
  groupSlots: groupSlotsSchema.default({}),
  draft: draftSchema.default(''),
});
export type Settings = z.infer<typeof settingsSchema>;

/** Only the fields that change. Written out because zod's `.partial()` would put defaults back into fields left out. */
export const settingsPatchSchema = z.strictObject({
  theme: themeSchema.optional(),
  durability: durabilitySchema.optional(),
  groupSlots: groupSlotsSchema.optional(),
  draft: draftSchema.optional(),
});
export type SettingsPatch = z.infer<typeof settingsPatchSchema>;

const kernelOwnerFields = { adapter: z.string().min(1).max(400), version: z.string().min(1).max(40) };
/** Name of the fastest variant by key of the problem. */
export const kernelChoicesSchema = z
  .record(z.string().max(200), z.string().max(100))
  .refine((choices) => Object.keys(choices).length <= 4096, 'holds more than 4096 choices');

export const appInfoSchema = z.object({
  version: z.string(),
  host: z.enum(['electron', 'browser', 'direct']),
  databasePath: z.string(),
  databaseBytes: z.number(),
  nodeVersion: z.string(),
  sqliteVersion: z.string(),
  /** Sentences a person should read once, e.g. that a damaged database was moved aside and where it is. */
  notices: z.array(z.string()),
});
export type AppInfo = z.infer<typeof appInfoSchema>;

export const targetQuerySchema = z.strictObject({
  metric: metricKeySchema,
  op: z.enum(['>=', '<=']),
  value: z.number(),
});

export const api = {
  'app.info': { input: none, output: appInfoSchema },
  'settings.get': { input: none, output: settingsSchema },
  'settings.set': { input: settingsPatchSchema, output: settingsSchema },

  /** Measured kernel choices of an adapter; none where nothing was kept for this version of the kernels. */
  'kernels.read': { input: z.strictObject(kernelOwnerFields), output: kernelChoicesSchema },
  /** Keeps them in place of what was kept for the adapter; answers how many. */
  'kernels.keep': {
    input: z.strictObject({ ...kernelOwnerFields, choices: kernelChoicesSchema }),
    output: z.object({ kept: z.number() }),
  },

  /** Stores a comparison and its runs (`queued`), all or none. */
  'comparisons.create': {
    input: z.strictObject({
      name: z.string().trim().min(1).max(200),
      runs: z
        .array(z.strictObject({ groupName: z.string().min(1).max(120), spec: runSpecSchema }))
        .min(1)
        .max(1000),
    }),
    output: z.object({ comparison: comparisonSchema, runs: z.array(runSummarySchema) }),
  },
  'comparisons.list': { input: none, output: z.array(comparisonSchema) },

  'runs.list': {
    input: z.strictObject({ trashed: z.boolean().default(false) }),
    output: z.array(runSummarySchema),
  },
  'runs.get': {
    input: z.strictObject({ id: runId }),
    output: z.object({ run: runSummarySchema, events: z.array(runEventSchema) }),
  },
  'runs.series': {
    input: z.strictObject({ runIds: z.array(runId).max(2000), keys: z.array(metricKeySchema).min(1) }),
    output: z.array(seriesSchema),
  },
  /** Opens a session: the run becomes `running`. */
  'runs.start': {
    input: z.strictObject({ id: runId, environment: environmentSchema, layers: z.array(layerReportSchema) }),
    output: runSummarySchema,
  },
  /** Appends metric rows (idempotent per run, key and step) and answers with the last durable step. */
  'runs.append': {
    input: z.strictObject({ id: runId, metrics: metricBatchSchema, events: z.array(runEventSchema) }),
    output: z.object({ savedStep: z.number() }),
  },
  'runs.finish': {
    input: z.strictObject({
      id: runId,
      status: runStatusSchema.exclude(['queued', 'running']),
      activeMs: z.number().gte(0),
      lastStep: z.int().gte(0),
      error: z.string().nullable(),
    }),
    output: runSummarySchema,
  },
  'runs.rename': {
    input: z.strictObject({ id: runId, name: z.string().trim().min(1).max(200) }),
    output: runSummarySchema,
  },
  /** Moves runs to the trash or back; answers how many changed. A running run is refused. */
  'runs.trash': {
    input: z.strictObject({ ids: z.array(runId).min(1), trashed: z.boolean() }),
    output: z.object({ changed: z.number() }),
  },
  /**
   * Deletes these runs of the trash for good, with their curves, events and weights. Named one by one, so that nothing goes
   * that came in after a person was asked; answers which were there.
   */
  'runs.emptyTrash': {
    input: z.strictObject({ ids: z.array(runId).max(100_000) }),
    output: z.object({ ids: z.array(z.string()) }),
  },
  /** Makes the files from full-resolution, unsmoothed data. */
  'export.create': {
    input: z.strictObject({
      runIds: z.array(runId).min(1).max(2000),
      kinds: z.array(exportKindSchema).min(1),
      target: targetQuerySchema.optional(),
      /** Group hash the ratios refer to; default: the first-order group reached first. */
      reference: z.string().optional(),
    }),
    output: z.array(z.object({ name: exportKindSchema, rows: z.number(), content: z.string() })),
  },

  ...datasetCalls,
  ...importCalls,
  ...weightCalls,
} as const satisfies Record<string, { input: z.ZodType; output: z.ZodType }>;

export type Api = typeof api;
export type ApiName = keyof Api;
export type ApiInput<N extends ApiName> = z.input<Api[N]['input']>;
/** Input as the services get it: checked, defaults filled in. */
export type ApiParsed<N extends ApiName> = z.output<Api[N]['input']>;
export type ApiOutput<N extends ApiName> = z.output<Api[N]['output']>;

/** Events the Node side pushes to every window. */
export const apiEvents = {
  /** Something about these runs changed; reload what is shown of them. */
  'runs.changed': z.object({ ids: z.array(z.string()) }),
  ...datasetEvents,
} as const;
export type ApiEvents = typeof apiEvents;
export type ApiEventName = keyof ApiEvents;

/** Carries calls and events; three implementations: Electron IPC, web socket, direct. Throws `KronlabError`. */
export interface Transport {
  invoke(name: ApiName, input: unknown): Promise<unknown>;
  subscribe(event: ApiEventName, listener: (payload: unknown) => void): () => void;
  close(): void;
}

export interface Client {
  call<N extends ApiName>(name: N, input: ApiInput<N>): Promise<ApiOutput<N>>;
  on<E extends ApiEventName>(event: E, listener: (payload: z.output<ApiEvents[E]>) => void): () => void;
  close(): void;
}
