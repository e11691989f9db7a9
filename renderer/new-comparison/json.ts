/** A comparison as JSON text, to keep in a paper's repository or to hand to the command line, and back. */
import { z } from 'zod';
import { describeZodError, KronlabError } from '../../contract/errors.ts';
import type { ComparisonPreset } from '../../contract/presets.ts';
import { runSpecSchema, type TargetSpec } from '../../contract/run-spec.ts';
import { fittingOp } from '../../contract/runs.ts';
import type { ReadDraft } from './read-draft.ts';

// Strict: what the form does not know it would leave out without a word.
const fileSchema = z.strictObject({
  name: z.string().trim().min(1).max(200),
  seeds: z.array(z.int().gte(0)).min(1),
  groups: z.array(z.strictObject({ name: z.string().min(1).max(120), spec: runSpecSchema })).min(1),
});

export function toJson(name: string, read: ReadDraft): string {
  const groups = read.groups.map((group) => ({ name: group.name, spec: group.spec }));
  return JSON.stringify({ name, seeds: read.seeds, groups }, null, 2);
}

/** Throws `KronlabError` (`invalid`) that says what is wrong with the text and where. */
export function fromJson(text: string): Pick<ComparisonPreset, 'name' | 'groups' | 'seeds'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('invalid', `This is not JSON: ${reason}.`);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw new KronlabError('invalid', describeZodError(parsed.error));
  const [first, ...others] = parsed.data.groups.map((group) => shared(group.spec));
  if (others.some((other) => other !== first)) {
    throw new KronlabError(
      'invalid',
      'The groups differ in more than their optimiser. Data, model, steps, batch, schedule and target must be the same.',
    );
  }
  for (const { spec } of parsed.data.groups) requireFittingTarget(spec.target);
  return parsed.data;
}

/** The form chooses the direction by the metric, as no run is trained towards the worse side. */
function requireFittingTarget({ metric, op }: TargetSpec): void {
  const fitting = fittingOp(metric);
  if (op !== fitting)
    throw new KronlabError('invalid', `target.op: must be ${fitting} for ${metric}; ${op} is not.`);
}

function shared(spec: ComparisonPreset['groups'][number]['spec']): string {
  const { optimizer: _optimizer, seed: _seed, ...rest } = spec;
  return JSON.stringify(rest);
}
