/** Files that a command leaves behind. */
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';

/**
 * Makes the folder and tries whether it takes files, so that nobody trains for minutes and finds nowhere to put the
 * result. Throws `KronlabError` (`storage`).
 */
export async function prepareOutFolder(folder: string): Promise<void> {
  const probe = join(folder, `.kronlab-${process.pid}`);
  try {
    await makeFolder(folder);
    await (await open(probe, 'wx')).close();
    await rm(probe);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

/** Writes each file beside its place and moves it there, so that no half-written file is ever seen. Answers the paths. */
export async function writeFiles(
  folder: string,
  files: readonly { name: string; content: string | readonly Uint8Array[] }[],
): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, content } of files) {
    const path = join(folder, name);
    const part = `${path}.part`;
    try {
      await writeFile(part, content);
      await rename(part, path);
    } catch (error) {
      throw cannotWrite(path, error);
    }
    paths.push(path);
  }
  return paths;
}

/**
 * Makes the folder and those above it. Not `mkdir(..., { recursive: true })`: below a file system that makes no folders,
 * such as /proc, Node 24 tries that for ever.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function cannotWrite(path: string, error: unknown): KronlabError {
  const reasons: Record<string, string> = {
    EACCES: 'no permission',
    EPERM: 'no permission',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of the path is a file, not a folder',
    EEXIST: 'there is a file of that name',
    ENOENT: 'the folder cannot be made there',
  };
  const reason = reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
  return new KronlabError('storage', `--out: cannot write to ${path}: ${reason}; choose another folder`);
}
