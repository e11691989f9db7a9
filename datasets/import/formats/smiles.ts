/**
 * Molecules as SMILES: a `.smi` file (SMILES first, then other fields, separated by tabs or blanks) or a CSV with a
 * column called `smiles`. One row is one graph, another column its target.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import type { ByteSource } from '../byte-source.ts';
import { firstBytes, openStream } from '../byte-stream.ts';
import { GraphBuilder, type GraphOptions } from '../graphs.ts';
import { fault, type ImportContext } from '../limits.ts';
import { atomColumns, bondColumns, graphOfSmiles } from '../molecule.ts';
import { chooseTargets } from '../targets.ts';
import { csvRows, guessSeparator, headerNames, type CsvOptions } from './csv.ts';

/** Whether these column names are those of a table of molecules. */
export function smilesColumn(names: readonly string[]): number {
  return names.findIndex((name) => /^(canonical_|isomeric_)?smiles$/i.test(name.trim()));
}

/** Reads graphs. Rows whose SMILES cannot be read are left out and reported. Throws `KronlabError` (`invalid`). */
export async function readSmiles(
  source: ByteSource,
  options: GraphOptions & Pick<CsvOptions, 'separator'>,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const stream = await openStream(source, context);
  const isSmi = /\.smi(les)?(\.gz)?$/i.test(source.name);
  const separator = options.separator ?? (isSmi ? await smiSeparator(source, context) : undefined);
  let columns: string[] | null = null;
  let builder: GraphBuilder | null = null;
  let smilesAt = 0;
  let targetsAt: number[] = [];
  for await (const { cells, line } of csvRows(stream, separator, context.limits)) {
    if (columns === null || builder === null) {
      const named = smilesColumn(cells);
      columns = named === -1 ? ['smiles', ...cells.slice(1).map((_, i) => `x${i + 1}`)] : headerNames(cells);
      smilesAt = Math.max(0, named);
      const others = columns.filter((_, i) => i !== smilesAt);
      if (others.length === 0) {
        throw fault(
          source.name,
          `line ${line}`,
          'holds SMILES alone, and nothing to predict',
          'add a column with the property of each molecule',
        );
      }
      const targets = chooseTargets(source.name, others, options.target);
      targetsAt = targets.map((target) => columns!.indexOf(target));
      builder = new GraphBuilder(
        source.name,
        { properties: others, targets },
        { nodes: atomColumns, edges: bondColumns },
        options.task,
        context,
      );
      if (named !== -1) continue;
    }
    if (cells.length !== columns.length) {
      builder.skip(`has ${cells.length} cells where there are ${columns.length} columns`, line);
      continue;
    }
    const molecule = graphOfSmiles(cells[smilesAt]!.trim());
    if ('problem' in molecule) builder.skip(molecule.problem, line);
    else {
      builder.add(
        molecule.graph,
        targetsAt.map((at) => cells[at]!),
        line,
      );
    }
  }
  if (builder === null)
    throw fault(source.name, null, 'is empty', 'choose a file with at least one molecule');
  return builder.finish(name);
}

/** Blanks separate where the first line has no tab. */
async function smiSeparator(source: ByteSource, context: ImportContext): Promise<string> {
  const start = new TextDecoder().decode(await firstBytes(source, 1 << 12, context));
  const guessed = guessSeparator(start.split(/[\r\n]/)[0] ?? '');
  return guessed === '\t' || guessed === ';' ? guessed : ' ';
}
