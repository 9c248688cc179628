/** Paths as the system writes them: with backslashes and drives on Windows. */
import systemPath from 'node:path';

/**
 * The folder of a path and the name in it.
 * @param system the path functions of another system
 */
export function splitPath(
  path: string,
  { dirname, basename }: Pick<typeof systemPath, 'dirname' | 'basename'> = systemPath,
): { readonly folder: string; readonly name: string } {
  const folder = dirname(path);
  // On Windows D:x is in the current folder of drive D, which joins as "D:.".
  const isDrive = /^[a-z]:$/i.test(folder) && !/^[\\/]/.test(path.slice(2));
  return { folder: isDrive ? `${folder}.` : folder, name: basename(path) };
}

/** A path that means the same in every working folder. */
export const wholePath = (path: string): string => systemPath.resolve(path);
