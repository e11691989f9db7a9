/**
 * From the text of a fixture to checked, typed arrays. The fixtures are the yardstick of the whole engine, so a file
 * that is not quite what `README.md` describes is refused by name and key, rather than compared with.
 */
import { z } from 'zod';
import { describeZodError, KronlabError } from '../contract/errors.ts';
import { netSchema, type NetFixture } from './net.ts';
import { trajectoriesSchema, type TrajectoriesFixture } from './trajectories.ts';

export type { LayerFactors, LayerPreconditioned, LayerSpec, NetFixture } from './net.ts';
export type { Tensor } from './tensor.ts';
export type { KfacTrajectory, TrajectoriesFixture, TrajectoryRun } from './trajectories.ts';

/** Told apart by `kind`: `net` or `trajectories`. */
export type Fixture = NetFixture | TrajectoriesFixture;

const issuesShown = 3;

/**
 * Parses and checks a fixture. Throws `KronlabError` (`invalid`) naming the file, the key and what would be right.
 *
 * @param name the file's name, for errors
 */
export function parseFixture(name: string, text: string): Fixture {
  const value = parseJson(name, text);
  const isTrajectories = typeof value === 'object' && value !== null && 'runs' in value;
  const schema = isTrajectories ? trajectoriesSchema : netSchema;
  const result = schema.safeParse(value, { error: describeMissing });
  if (result.success) return result.data;
  throw new KronlabError('invalid', `${name}: ${describeFirst(result.error)} (format: goldens/README.md)`);
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError(
      'invalid',
      `${name}: is not JSON: ${reason}; expected a fixture (format: goldens/README.md)`,
    );
  }
}

/** Says `is missing` where zod would say `received undefined`. */
function describeMissing(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type' || issue.input !== undefined) return undefined;
  return `is missing; expected ${issue.expected}`;
}

/** The first few faults: one missing layer can make dozens. */
function describeFirst(error: z.ZodError): string {
  const more = error.issues.length - issuesShown;
  const first = describeZodError(new z.ZodError(error.issues.slice(0, issuesShown)));
  return more > 0 ? `${first}; and ${more} more` : first;
}
