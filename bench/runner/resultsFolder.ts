import { mkdir, readdir, readFile } from 'node:fs/promises';
import { packedSuites, suites } from '../suites.ts';
import { type Result, table } from './table.ts';
import { writeWhole } from './writeWhole.ts';

/** Keeps a suite's result as FOLDER/NAME.json. */
export async function keepResult(folder: string, result: Result): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeWhole(`${folder}/${result.suite}.json`, `${JSON.stringify(result, null, 1)}\n`);
}

/** The tables of all results that are in the folder, in the suites' order. */
export async function tablesOf(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const order = suites.map(({ name }) => `${name}.json`);
  const packed = packedSuites.map((name) => `${name}.json`);
  // Those of the GPU archive come last, in the order of their parts.
  const place = (file: string) => {
    const at = order.indexOf(file);
    return at < 0 ? order.length + packed.indexOf(file) : at;
  };
  files.sort((a, b) => place(a) - place(b));
  const results = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(`${folder}/${file}`, 'utf8')) as Result),
  );
  return results.map(table).join('\n\n');
}
