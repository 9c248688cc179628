import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { suites } from '../suites.ts';
import { type Result, table } from './table.ts';

/** Keeps a suite's result as FOLDER/NAME.json. */
export async function keepResult(folder: string, result: Result): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeWhole(`${folder}/${result.suite}.json`, `${JSON.stringify(result, null, 1)}\n`);
}

/** The tables of all results that are in the folder, in the suites' order. */
export async function tablesOf(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const order = suites.map(({ name }) => `${name}.json`);
  files.sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const results = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(`${folder}/${file}`, 'utf8')) as Result),
  );
  return results.map(table).join('\n\n');
}

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
