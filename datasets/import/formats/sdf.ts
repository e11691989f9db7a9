/**
 * SDF: MOL blocks with named data, records ended by `$$$$` (MDL "CTfile formats", chapters 2 to 4). One record is one
 * graph, a data field its target.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import type { ByteSource } from '../byte-source.ts';
import { openStream } from '../byte-stream.ts';
import { GraphBuilder, type GraphOptions } from '../graphs.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { atomColumns, bondColumns, graphOfMolfile } from '../molecule.ts';
import { chooseTargets } from '../targets.ts';
import { textLines } from '../text-stream.ts';

/** Reads graphs. Records that cannot be read are left out and reported. Throws `KronlabError` (`invalid`). */
export async function readSdf(
  source: ByteSource,
  options: GraphOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  let builder: GraphBuilder | null = null;
  let targets: string[] = [];
  let count = 0;
  for await (const { molfile, fields, line } of records(source, context)) {
    count += 1;
    if (builder === null) {
      if (molfile === null || fields.size === 0) {
        throw fault(
          source.name,
          `record 1 from line ${line}`,
          molfile === null ? 'has no "M  END"' : 'has no data field to predict',
          'give an SDF file with a "> <NAME>" field in each record',
        );
      }
      const properties = [...fields.keys()];
      // Records leave out what is not known of them, so that the first need not have all labels.
      targets = chooseTargets(source.name, properties, options.target, false);
      const columns = { nodes: atomColumns, edges: bondColumns };
      builder = new GraphBuilder(source.name, { properties, targets }, columns, options.task, context);
    }
    const molecule = molfile === null ? { problem: 'has no "M  END"' } : graphOfMolfile(molfile);
    if ('problem' in molecule) builder.skip(molecule.problem, count);
    else {
      builder.add(
        molecule.graph,
        targets.map((target) => fields.get(target) ?? null),
        count,
      );
    }
  }
  if (builder === null)
    throw fault(source.name, null, 'is empty', 'choose a file with at least one molecule');
  return builder.finish(name);
}

interface SdfRecord {
  molfile: string | null;
  fields: Map<string, string>;
  /** The line it begins on, from 1. */
  line: number;
}

async function* records(source: ByteSource, context: ImportContext): AsyncGenerator<SdfRecord> {
  let lines: string[] = [];
  let start = 1;
  let characters = 0;
  for await (const { line, number } of textLines(await openStream(source, context), context.limits)) {
    if (line.startsWith('$$$$')) {
      yield { ...parseRecord(lines), line: start };
      lines = [];
      characters = 0;
      start = number + 1;
      continue;
    }
    lines.push(line);
    characters += line.length + 1;
    checkLimit(source.name, `line ${number}`, characters, context.limits.cell, 'characters in one record');
  }
  if (lines.some((line) => line.trim() !== '')) yield { ...parseRecord(lines), line: start };
}

function parseRecord(lines: readonly string[]): Omit<SdfRecord, 'line'> {
  const end = lines.findIndex((line) => /^M {2}END/.test(line));
  const fields = new Map<string, string>();
  for (let at = end + 1; at < lines.length; at += 1) {
    const name = /^>.*<([^<>]+)>/.exec(lines[at]!)?.[1];
    if (name === undefined) continue;
    const value: string[] = [];
    while (at + 1 < lines.length && lines[at + 1]!.trim() !== '') value.push(lines[(at += 1)]!);
    fields.set(name.trim(), value.join('\n').trim());
  }
  return { molfile: end === -1 ? null : `${lines.slice(0, end + 1).join('\n')}\n`, fields };
}
