/**
 * From the form to the runs it stands for. The rules are those of `runSpecSchema`; here they only become sentences at
 * the field they belong to.
 */
import { describeOptimizer } from '../../contract/describe-optimizer.ts';
import { groupHash } from '../../contract/group-hash.ts';
import { augmentationMistake } from '../../contract/augmentation.ts';
import { augmentationSpecSchema, runSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import { fittingOp, metricDefinitions, taskMetrics, type MetricKey } from '../../contract/runs.ts';
import { longestContext, usualContext } from '../../datasets/prepare.ts';
import { heldOutCount } from '../../datasets/split.ts';
import type { WeightsFile } from '../../contract/weights.ts';
import type { z } from 'zod';
import { hasFactors } from './column-traits.ts';
import { augmentationFields, augmentationStart, datasetFields, type DataField } from './data-fields.ts';
import type { ColumnDraft, Draft } from './draft.ts';
import { optimizerNames } from './fields.ts';
import { findBundled, type FindDataset, type FormDataset } from './form-datasets.ts';
import { layerLineMistake, parseLayerLines } from './layer-lines.ts';
import { fieldsOfModel, slotOf, type ModelField } from './model-fields.ts';
import { optimizerFields, type FieldDefinition } from './optimizer-fields.ts';
import type { SettingTexts } from './setting-texts.ts';

export interface ReadGroup {
  columnId: string;
  name: string;
  spec: RunSpec;
}

export interface ReadDraft {
  /** Groups of the columns that are right, with seed 0; all of them when `errors` is empty. */
  groups: ReadGroup[];
  seeds: number[];
  /** One sentence per wrong field, by field: `name`, `seeds`, `model.heads`, `run.steps`, `<column id>.lr`. */
  errors: Map<string, string>;
}

const MOST_RUNS = 1000;
const LARGEST_SEED = 0xffffffff;

/** What only the model code can tell of a spec that the contract takes. */
export interface ModelJudge {
  /** A pattern that fits no layer of the model; null for none. */
  unfitPattern(spec: RunSpec, find: FindDataset): string | null;
  /** What the model reads and the data set has, where those are not the same; else null. */
  unreadable(spec: RunSpec, find: FindDataset): string | null;
  /** What of a file of weights does not fit the model; null where all of it does. */
  unfitWeights(spec: RunSpec, file: WeightsFile, find: FindDataset): string | null;
}

/** A file of weights by its hash: null where the lab has none, undefined while nobody knows. */
export type FindWeights = (hash: string) => WeightsFile | null | undefined;

/** What the draft is judged by. */
interface Known {
  judge: ModelJudge | null;
  find: FindDataset;
  findWeights: FindWeights;
}

/**
 * `judge` arrives after the page: until then nothing is found to be wrong with the model. `find` knows the data sets; none
 * but bundled ones where it is left out. `findWeights` knows the files to start from.
 */
export function readDraft(
  draft: Draft,
  judge: ModelJudge | null = null,
  find: FindDataset = findBundled,
  findWeights: FindWeights = () => undefined,
): ReadDraft {
  const errors = new Map<string, string>();
  const groups = draft.columns.flatMap((column) => {
    const group = readColumn(draft, column, errors, { judge, find, findWeights });
    return group ? [group] : [];
  });
  const seeds = readSeeds(draft.seeds, errors);
  if (draft.name.trim() === '') errors.set('name', 'A comparison needs a name.');
  if (draft.name.trim().length > 200) errors.set('name', 'A name has at most 200 characters.');
  if (draft.columns.length === 0) errors.set('columns', 'Add at least one optimiser.');
  checkDistinct(groups, errors);
  checkAgainstDataset(draft, errors, find);
  if (groups.length * seeds.length > MOST_RUNS) {
    errors.set(
      'seeds',
      `${groups.length * seeds.length} runs are too many; at most ${MOST_RUNS} fit in one comparison.`,
    );
  }
  return { groups, seeds, errors };
}

/** The name a column's settings give it, for as long as nobody types another. */
export function automaticName(draft: Draft, column: ColumnDraft): string {
  const parsed = runSpecSchema.safeParse(specInput(draft, column));
  if (parsed.success) return describeOptimizer(parsed.data.optimizer);
  const name = optimizerNames[column.optimizer];
  return hasFactors(column) ? `${name} ${column.values['flavour'] ?? ''}` : name;
}

/** Runs with the seeds outermost, so that groups stay comparable when the queue is stopped early. */
export function runsOf(read: ReadDraft): { groupName: string; spec: RunSpec }[] {
  return read.seeds.flatMap((seed) =>
    read.groups.map((group) => ({ groupName: group.name, spec: { ...group.spec, seed } })),
  );
}

function readColumn(
  draft: Draft,
  column: ColumnDraft,
  errors: Map<string, string>,
  { judge, find, findWeights }: Known,
): ReadGroup | null {
  const name = column.name.trim() || automaticName(draft, column);
  if (name.length > 120) errors.set(`${column.id}.name`, 'A name has at most 120 characters.');
  const parsed = runSpecSchema.safeParse(specInput(draft, column));
  if (parsed.success) {
    const problem = judge?.unreadable(parsed.data, find) ?? null;
    if (problem !== null) {
      errors.set('model.kind', `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`);
      return null;
    }
    const unfit = weightsMistake(parsed.data, { judge, find, findWeights });
    if (unfit !== null) errors.set('run.startWeights', unfit);
    const pattern = judge?.unfitPattern(parsed.data, find) ?? null;
    if (pattern === null) return { columnId: column.id, name, spec: parsed.data };
    errors.set(`${column.id}.layers`, `“${pattern}” fits no layer of the model; Layers has their names.`);
    return null;
  }
  for (const issue of parsed.error.issues) {
    const field = fieldOf(issue.path, column);
    if (errors.has(field)) continue;
    const line = issue.path[1] === 'layers' ? issue.path[2] : undefined;
    errors.set(
      field,
      typeof line === 'number'
        ? layerLineMistake(column.values['layers'] ?? '', line)
        : sentence(issue, labelOf(field, draft)),
    );
  }
  return null;
}

/**
 * The run that a column stands for, as the contract takes it. A field that the contract gets and this does not say is a
 * mistake of its type.
 */
function specInput(draft: Draft, column: ColumnDraft): unknown {
  const { run, dataset, model } = draft;
  const optimizer = Object.fromEntries(
    optimizerFields
      .filter((field) => field.uses(column))
      .map((field) => [field.key, readSetting(field, column.values[field.key] ?? '')]),
  );
  const modelValues = Object.fromEntries(
    fieldsOfModel(model.kind).map((field) => [
      field.key,
      readModelValue(field, model.values[slotOf(field)] ?? ''),
    ]),
  );
  const spec: Record<keyof RunSpec, unknown> = {
    dataset: { id: dataset['id'], ...readDataFields(datasetFields, dataset) },
    augmentation: augmentationInput(draft),
    model: { kind: model.kind, ...modelValues },
    startWeights: (run['startWeights'] ?? '').trim() || undefined,
    optimizer: { name: column.optimizer, ...optimizer },
    schedule:
      run['schedule'] === 'constant'
        ? { kind: 'constant' }
        : { kind: run['schedule'], warmupSteps: readNumber(run['warmupSteps'] ?? '') },
    batchSize: readNumber(run['batchSize'] ?? ''),
    recompute: run['recompute'] || undefined,
    steps: readNumber(run['steps'] ?? ''),
    evaluateEvery: readNumber(run['evaluateEvery'] ?? ''),
    seed: 0,
    target: {
      metric: run['metric'],
      op: isMetric(run['metric'] ?? '') ? fittingOp(run['metric'] as MetricKey) : '>=',
      value: readNumber(run['target'] ?? ''),
    },
  };
  // What is left out of a run is not there; the contract takes no `undefined` in its place.
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
}

function weightsMistake(spec: RunSpec, { judge, find, findWeights }: Known): string | null {
  const file = spec.startWeights === undefined ? undefined : findWeights(spec.startWeights);
  if (file === null) return 'These weights are not in the lab; choose the file again.';
  const unfit = file && judge?.unfitWeights(spec, file, find);
  return unfit ? `They do not fit the model: ${unfit}.` : null;
}

/** Undefined where nothing is done to the images, which is how runs say it. */
function augmentationInput({ augmentation }: Draft): Record<string, unknown> | undefined {
  const isNothing = augmentationFields.every(
    ({ key }) => (augmentation[key] ?? '').trim() === augmentationStart[key],
  );
  return isNothing ? undefined : readDataFields(augmentationFields, augmentation);
}

function readDataFields(fields: readonly DataField[], values: SettingTexts): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap(({ key, options, isOptional }): [string, unknown][] => {
      const text = values[key] ?? '';
      if (isOptional && text.trim() === '') return [];
      return [[key, options ? text : readNumber(text)]];
    }),
  );
}

function isMetric(metric: string): boolean {
  return Object.hasOwn(metricDefinitions, metric);
}

function readSetting({ key, options, isLines, isOptional }: FieldDefinition, text: string): unknown {
  if (isOptional && text.trim() === '') return null;
  if (isLines) return parseLayerLines(text);
  if (key === 'nesterov') return text === 'true';
  return options ? text : readNumber(text);
}

function readModelValue({ options, isList }: ModelField, text: string): unknown {
  if (options) return text;
  if (!isList) return readNumber(text);
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(readNumber);
}

/** NaN for anything that is not a finite number, an empty field too: the schema must refuse it, not fill in a default. */
function readNumber(text: string): number {
  const trimmed = text.trim();
  const value = Number(trimmed);
  return trimmed === '' || !Number.isFinite(value) ? NaN : value;
}

/** `1, 2, 3` or `1-5`. */
function readSeeds(text: string, errors: Map<string, string>): number[] {
  const seeds: number[] = [];
  for (const part of text.split(/[\s,]+/).filter((piece) => piece !== '')) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    const from = Number(range?.[1]);
    const to = Number(range?.[2] ?? range?.[1]);
    if (!range || to < from || to > LARGEST_SEED || to - from >= MOST_RUNS) {
      errors.set(
        'seeds',
        `“${part}” is not a seed. Seeds are whole numbers from 0, for example 1, 2, 3 or 1-5.`,
      );
      return [];
    }
    for (let seed = from; seed <= to; seed += 1) seeds.push(seed);
  }
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (seeds.length === 0) errors.set('seeds', 'At least one seed is needed, for example 1, 2, 3.');
  if (twice !== undefined) errors.set('seeds', `Seed ${twice} is listed twice.`);
  return seeds;
}

function checkDistinct(groups: readonly ReadGroup[], errors: Map<string, string>): void {
  groups.forEach((group, i) => {
    const earlier = groups.slice(0, i);
    const same = earlier.find((other) => groupHash(other.spec) === groupHash(group.spec));
    const namesake = earlier.find((other) => other.name === group.name);
    if (same)
      errors.set(`${group.columnId}.name`, `Has the same settings as ${same.name}; change or remove one.`);
    else if (namesake) errors.set(`${group.columnId}.name`, 'Two columns have this name; rename one.');
  });
}

/** What only the data set can say: that it is there, what its task can be judged by, and into which patches it divides. */
function checkAgainstDataset(draft: Draft, errors: Map<string, string>, find: FindDataset): void {
  const entry = find(draft.dataset['id'] ?? '');
  if (!entry) {
    errors.set('dataset.id', 'This data set is not in the lab; choose another.');
    return;
  }
  const metrics: readonly string[] = taskMetrics[entry.task];
  if (!errors.has('run.metric') && !metrics.includes(draft.run['metric'] ?? ''))
    errors.set('run.metric', `Metric must be one that ${entry.task} has.`);
  checkAugmentation(draft, entry, errors);
  checkWindow(draft, entry, errors);
  if (!entry.isComputed && (draft.dataset['seed'] ?? '').trim() !== '')
    errors.set('dataset.seed', 'Data seed must be empty: only computed sets are drawn from a seed.');
  const cutsPatches =
    draft.model.kind === 'vit' ||
    (draft.model.kind === 'deep-linear' && draft.model.values['sharing'] === 'patches');
  if (!cutsPatches || errors.has('model.patch')) return;
  const patch = readNumber(draft.model.values['patch'] ?? '');
  const side = entry.kind === 'images' ? entry.example.slice(1).find((length) => length % patch !== 0) : 0;
  if (Number.isFinite(patch) && side) {
    errors.set('model.patch', `Patch must divide the image side ${side}; ${patch} does not.`);
  }
}

function checkWindow({ dataset }: Draft, entry: FormDataset, errors: Map<string, string>): void {
  const field = 'dataset.contextLength';
  const text = (dataset['contextLength'] ?? '').trim();
  if (errors.has(field)) return;
  if (entry.kind !== 'text') {
    if (text !== '') errors.set(field, 'Window must be empty: only texts are read in windows.');
    return;
  }
  const fraction = readNumber(dataset['validationFraction'] ?? '');
  // A text with parts of its own tells their lengths when it is read.
  if (entry.isSplit || !(fraction > 0 && fraction < 1)) return;
  const held = heldOutCount(entry.examples, fraction);
  const most = longestContext(entry.examples - held, held);
  if ((text === '' ? usualContext : readNumber(text)) > most)
    errors.set(field, `Window must be at most ${most}, or the parts of this text are too short.`);
}

function checkAugmentation(draft: Draft, entry: FormDataset, errors: Map<string, string>): void {
  const typed = Object.entries(readDataFields(augmentationFields, draft.augmentation));
  // What is wrong by itself is said already, and hides nothing of the rest.
  const right = typed.filter(
    (setting) => augmentationSpecSchema.safeParse(Object.fromEntries([setting])).success,
  );
  const mistake = augmentationMistake(augmentationSpecSchema.parse(Object.fromEntries(right)), entry);
  if (!mistake) return;
  const field = `augmentation.${mistake.field}`;
  errors.set(field, `${labelOf(field, draft)} ${mistake.message}.`);
}

function fieldOf(path: readonly PropertyKey[], column: ColumnDraft): string {
  const [room, field] = path.map(String);
  if (room === 'optimizer') return `${column.id}.${field ?? 'optimizer'}`;
  if (room === 'model') return `model.${field ?? 'kind'}`;
  if (room === 'augmentation') return `augmentation.${field ?? 'shift'}`;
  if (room === 'dataset') return `dataset.${field ?? 'id'}`;
  if (room === 'target') return field === 'value' ? 'run.target' : 'run.metric';
  if (room === 'schedule') return field === 'warmupSteps' ? 'run.warmupSteps' : 'run.schedule';
  return `run.${room ?? ''}`;
}

const runLabels: Record<string, string> = {
  batchSize: 'Batch',
  steps: 'Steps',
  startWeights: 'Start weights',
  recompute: 'Activations',
  evaluateEvery: 'Evaluate every',
  target: 'Target',
  warmupSteps: 'Warm-up',
};

function labelOf(field: string, { model }: Draft): string {
  const key = field.slice(field.lastIndexOf('.') + 1);
  const rooms: Record<string, readonly { key: string; label: string }[]> = {
    model: fieldsOfModel(model.kind),
    dataset: datasetFields,
    augmentation: augmentationFields,
    run: [],
  };
  const fields = rooms[field.slice(0, field.indexOf('.'))] ?? optimizerFields;
  const known = fields.find((entry) => entry.key === key);
  return known?.label ?? runLabels[key] ?? key;
}

/** `Damping must be above 0; try 0.001 to 0.1.` */
function sentence(issue: z.core.$ZodIssue, label: string): string {
  if (issue.message.startsWith('must')) return `${label} ${issue.message}.`;
  if (issue.code === 'invalid_value')
    return `${label} must be one of ${issue.values.map(String).join(', ')}.`;
  if (issue.code === 'too_small' && issue.origin === 'array')
    return `${label}: at least one number is needed.`;
  if (issue.code === 'too_big' && issue.origin === 'array') {
    return `${label}: at most ${String(issue.maximum)} are allowed.`;
  }
  if (issue.code === 'invalid_type') return `${label} needs a number, for example 0.01.`;
  if (issue.code === 'too_small') {
    return `${label} must be ${issue.inclusive ? 'at least' : 'above'} ${String(issue.minimum)}.`;
  }
  if (issue.code === 'too_big') {
    return `${label} must be ${issue.inclusive ? 'at most' : 'below'} ${String(issue.maximum)}.`;
  }
  return `${label}: ${issue.message}.`;
}
