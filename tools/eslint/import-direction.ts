/** The lint rule `kronlab/import-direction`: holds every import against the table in `rooms.ts`. */
import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';
import type { Rule } from 'eslint';
import { isTestFile, packageRooms, roomOf, rooms } from './rooms.ts';

const listed = (names: readonly string[]) => (names.length === 0 ? 'nothing' : names.join(', '));

/** `@scope/name/sub` -> `@scope/name`, `name/sub` -> `name`. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * What is wrong with `specifier` in the file at `path` (from the project's root, forward slashes); null when nothing
 * is. Files outside all rooms (the configuration files of the root) may import anything.
 */
export function importComplaint(path: string, specifier: string): string | null {
  const room = roomOf(path);
  if (room === null) return null;
  if (specifier.startsWith('.')) return directionComplaint(path, posix.join(posix.dirname(path), specifier));
  if (isTestFile(path))
    return packageName(specifier) === 'electron' ? packageComplaint(path, 'electron') : null;
  if (isBuiltin(specifier)) {
    if (room.node) return null;
    return `Node built-ins are not there where \`${room.folder}\` runs; \`${specifier}\` may be used in ${listed(rooms.filter((r) => r.node).map((r) => r.folder))}.`;
  }
  return packageComplaint(path, packageName(specifier));
}

function directionComplaint(path: string, target: string): string | null {
  const [from, to] = [roomOf(path), roomOf(target)];
  if (from === null || to === null || from === to || from.mayImport.includes(to.folder)) return null;
  return `\`${from.folder}\` may not import \`${to.folder}\`: imports point down only; it may import ${listed(from.mayImport)}.`;
}

function packageComplaint(path: string, name: string): string | null {
  const allowed = packageRooms[name];
  const room = roomOf(path);
  if (allowed === undefined || room === null || allowed.includes(room.folder)) return null;
  return `\`${name}\` may be imported only in ${listed(allowed)}, not in \`${room.folder}\`.`;
}

export const importDirection: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const path = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (node: { source?: unknown }) => {
      const source = node.source as Rule.Node | null | undefined;
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
      const message = importComplaint(path, source.value);
      if (message !== null) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      // `import('./types.ts').Thing` in a type position.
      TSImportType: check,
    };
  },
};
