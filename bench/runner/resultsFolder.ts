import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { kindOf } from '../frame/processor.ts';
import { packedSuites, suites } from '../suites.ts';
import { chapter, type Result } from './table.ts';
import { writeWhole } from './writeWhole.ts';

/** Keeps a suite's result as FOLDER/KIND/NAME.json, KIND being that of the processor, or the GPU's name. */
export async function keepResult(folder: string, result: Result): Promise<void> {
  const path = pathOfResult(folder, result);
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, `${JSON.stringify(result, null, 1)}\n`);
}

export const pathOfResult = (folder: string, { adapter, processor, suite }: Result): string =>
  `${folder}/${adapter ? nameOf(adapter) : kindOf(processor)}/${suite}.json`;

/** The card's name without its driver's, which Dawn puts behind a comma, as the name of a folder. */
const nameOf = (adapter: string) => {
  const card = adapter.split(',')[0] as string;
  return card.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
};

/**
 * All results that are in the folder: a chapter for each suite, in the suites' order.
 * @throws Error that names a file which cannot be read
 */
export async function chaptersOf(folder: string): Promise<string> {
  const kept = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.json')).sort();
  const files = [...new Set(kept.map((path) => basename(path)))];
  const order = suites.map(({ name }) => `${name}.json`);
  const packed = packedSuites.map((name) => `${name}.json`);
  // Those of the GPU archive come last, in the order of their parts.
  const place = (file: string) => {
    const at = order.indexOf(file);
    return at < 0 ? order.length + packed.indexOf(file) : at;
  };
  files.sort((a, b) => place(a) - place(b));
  const read = async (path: string) => {
    const text = await readFile(`${folder}/${path}`, 'utf8');
    try {
      return JSON.parse(text) as Result;
    } catch (cause) {
      const error = new Error(`${folder}/${path} is no whole JSON. Take it back from git, or delete it.`, { cause });
      throw Object.assign(error, { code: 'ERR_RESULT' });
    }
  };
  const chapters = files.map(async (file) =>
    chapter(await Promise.all(kept.filter((path) => basename(path) === file).map(read))),
  );
  return (await Promise.all(chapters)).join('\n\n');
}
