import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { kindOf } from '../frame/processor.ts';
import { packedSuites, suites } from '../suites.ts';
import { chapter, type Result } from './table.ts';
import { writeWhole } from './writeWhole.ts';

/** Keeps a suite's result as FOLDER/KIND/NAME.json, KIND being that of the processor, or the GPU's name. */
export async function keepResult(folder: string, result: Result): Promise<void> {
  const own = `${folder}/${result.adapter ? nameOf(result.adapter) : kindOf(result.processor)}`;
  await mkdir(own, { recursive: true });
  await writeWhole(`${own}/${result.suite}.json`, `${JSON.stringify(result, null, 1)}\n`);
}

/** The card's name without its driver's, which Dawn puts behind a comma, as the name of a folder. */
const nameOf = (adapter: string) => {
  const card = adapter.split(',')[0] as string;
  return card.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
};

/** All results that are in the folder: a chapter for each suite, in the suites' order. */
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
  const read = async (path: string) => JSON.parse(await readFile(`${folder}/${path}`, 'utf8')) as Result;
  const chapters = files.map(async (file) =>
    chapter(await Promise.all(kept.filter((path) => basename(path) === file).map(read))),
  );
  return (await Promise.all(chapters)).join('\n\n');
}
