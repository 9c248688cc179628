import { rename, rm, writeFile } from 'node:fs/promises';

/** Writes beside the file and renames: an interruption leaves the old file or the new one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.part`;
  try {
    await writeFile(aside, text);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
