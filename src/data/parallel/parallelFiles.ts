/**
 * Two files that translate each other, found by the name of one of them. The name ends in a language; the other file's ends
 * in the other language: train.tags.en-de.en and train.tags.en-de.de, IWSLT17.TED.tst2015.en-de.en.xml and
 * IWSLT17.TED.tst2015.en-de.de.xml.
 */
import { type Languages, languageName, languagesOf } from '../languages.js';
import type { TextSource } from '../source.js';

/** What is translated, and its translation. */
export interface ParallelFiles {
  readonly source: TextSource;
  readonly target: TextSource;
  readonly languages: Languages;
}

/** "corpus.en-de" "." "en" ".xml.gz" */
const ending = /^(.*?)\.([a-z]{2,3})((?:\.(?:xml|sgml?|txt))?(?:\.gz)?(?:[?#].*)?)$/i;
/** The pair before the language: "corpus.en-de". */
const pairBefore = /(?:^|[./\\_-])([a-z]{2,3})[-_]([a-z]{2,3})$/i;

/**
 * The two files, where a name is that of one of them. The file that is named is what is translated, unless `languages` says
 * otherwise.
 * @param languages 'en-de'; absent: the pair is in the name, before the language
 */
export function parallelFiles(source: TextSource, languages: string | undefined): ParallelFiles | undefined {
  if (typeof source !== 'string') return undefined;
  const [, begin = '', own, end = ''] = ending.exec(source) ?? [];
  if (own === undefined) return undefined;
  const named = own.toLowerCase();
  const [, one, other] = pairBefore.exec(begin) ?? [];
  const inName = one && other ? [one.toLowerCase(), other.toLowerCase()] : [];
  const direction = languages === undefined ? directionIn(inName, named) : languagesOf(languages);
  if (!direction || ![direction.from, direction.to].includes(named)) return undefined;
  const nameOf = (code: string) => `${begin}.${own === named ? code : code.toUpperCase()}${end}`;
  return { source: nameOf(direction.from), target: nameOf(direction.to), languages: direction };
}

function directionIn(pair: readonly string[], named: string): Languages | undefined {
  const other = pair.find((code) => code !== named);
  if (!pair.includes(named) || other === undefined) return undefined;
  return pair.every((code) => languageName(code) !== undefined) ? { from: named, to: other } : undefined;
}
