/**
 * What a comparison consists of, from a preset or a file: every group with every seed, checked against the schema
 * before anything is stored or trained.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { describeOptimizer } from '../contract/describe-optimizer.ts';
import { describeZodError, KronlabError } from '../contract/errors.ts';
import { presets } from '../contract/presets.ts';
import { runSpecSchema, type RunSpec } from '../contract/run-spec.ts';
import { requireDataset } from '../datasets/node/load.ts';

export interface ComparisonPlan {
  name: string;
  groups: { name: string; spec: RunSpec }[];
  seeds: number[];
}

export interface PlanChanges {
  seeds?: number[] | undefined;
  steps?: number | undefined;
}

const settings = z.record(z.string(), z.unknown());
const planFileSchema = z.strictObject({
  name: z.string().trim().min(1).max(200),
  seeds: z.array(z.int().gte(0)).min(1).default([1, 2, 3]),
  /** Settings that all groups share. */
  settings: settings.default({}),
  /** A group's own settings; each field replaces the shared one. */
  groups: z.array(z.strictObject({ name: z.string().trim().min(1).max(120).optional(), settings })).min(1),
});

/** The preset with this name. Throws `KronlabError` (`not-found`) that lists the known ones. */
export function planFromPreset(name: string): ComparisonPlan {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset !== undefined) return { name: preset.name, groups: preset.groups, seeds: preset.seeds };
  throw new KronlabError(
    'not-found',
    `--preset: unknown preset "${name}"; known presets: ${Object.keys(presets).join(', ')}`,
  );
}

/** Reads a comparison from a JSON file. Throws `KronlabError` that names the file and the field. */
export async function planFromFile(path: string): Promise<ComparisonPlan> {
  const file = check(path, planFileSchema, parseJson(path, await readText(path)));
  const groups = file.groups.map((group, i) => {
    const merged = { seed: 0, ...file.settings, ...group.settings };
    const spec = check(`${path}, group ${i + 1}`, runSpecSchema, merged);
    return { name: group.name ?? describeOptimizer(spec.optimizer), spec };
  });
  return { name: file.name, groups, seeds: file.seeds };
}

/**
 * A comparison by a preset's name, or by a file that holds a comparison or the settings of one run. Throws
 * `KronlabError` that names the file and the field.
 */
export async function planFromNameOrFile(name: string): Promise<ComparisonPlan> {
  if (Object.hasOwn(presets, name)) return planFromPreset(name);
  const content = parseJson(name, await readText(name));
  if (typeof content === 'object' && content !== null && 'groups' in content) return planFromFile(name);
  const spec = check(name, runSpecSchema, content);
  return { name, groups: [{ name: describeOptimizer(spec.optimizer), spec }], seeds: [spec.seed] };
}

/** The plan with other seeds or another budget, checked again. Throws `KronlabError` that names the field. */
export function changePlan(plan: ComparisonPlan, changes: PlanChanges): ComparisonPlan {
  const groups = plan.groups.map(({ name, spec }) => {
    const changed = { ...spec, ...(changes.steps !== undefined && { steps: changes.steps }) };
    // A shorter budget than one evaluation interval is still worth one evaluation, at its end.
    const evaluateEvery = Math.min(spec.evaluateEvery, Math.max(1, changed.steps));
    return { name, spec: check(`group "${name}"`, runSpecSchema, { ...changed, evaluateEvery }) };
  });
  return { ...plan, groups, seeds: changes.seeds ?? plan.seeds };
}

/** Throws `KronlabError` (`not-found`) where a data set is neither bundled nor in the folder `imported`. */
export async function requireDatasets({ groups }: ComparisonPlan, imported: string): Promise<void> {
  for (const { spec } of groups) await requireDataset(spec.dataset.id, imported);
}

/** Every group with every seed, seeds outermost, so that groups stay comparable when stopped early. */
export function plannedRuns(plan: ComparisonPlan): { groupName: string; spec: RunSpec }[] {
  return plan.seeds.flatMap((seed) =>
    plan.groups.map(({ name, spec }) => ({
      groupName: name,
      spec: check('--seeds', runSpecSchema, { ...spec, seed }),
    })),
  );
}

function check<T>(where: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new KronlabError('invalid', `${where}: ${describeZodError(result.error)}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (missing) throw new KronlabError('not-found', `--spec: there is no file ${path}`);
    throw new KronlabError(
      'invalid',
      `--spec: ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KronlabError(
      'invalid',
      `--spec: ${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
