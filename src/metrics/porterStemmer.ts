/**
 * Porter's stemmer (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980) with the extensions that
 * NLTK adds by default and Google's rouge_score therefore uses: a few irregular words, short words ending in -ies and
 * -ied, another rule for a final y, and the suffixes -bli, -alli, -fulli and -logi. The 1980 algorithm gives another
 * stem for about one English word in fifty.
 */

const irregular: ReadonlyMap<string, string> = new Map([
  ['sky', 'sky'],
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['news', 'news'],
  ['innings', 'inning'],
  ['inning', 'inning'],
  ['outings', 'outing'],
  ['outing', 'outing'],
  ['cannings', 'canning'],
  ['canning', 'canning'],
  ['howe', 'howe'],
  ['proceed', 'proceed'],
  ['exceed', 'exceed'],
  ['succeed', 'succeed'],
]);

/** The stem of a word in lower case. Words of one or two letters stay. */
export function porterStem(word: string): string {
  const known = irregular.get(word);
  if (known !== undefined) return known;
  if (word.length <= 2) return word;
  return [step1a, step1b, step1c, step2, step3, step4, step5a, step5b].reduce((stem, step) => step(stem), word);
}

/** A vowel is a, e, i, o, u, or a y after a consonant. */
function isConsonant(word: string, index: number): boolean {
  const letter = word[index] as string;
  if ('aeiou'.includes(letter)) return false;
  if (letter !== 'y') return true;
  // Runs of y alternate, the first of a word being a consonant.
  let before = index;
  while (before > 0 && word[before - 1] === 'y') before--;
  const runStartsAsConsonant = before === 0 || !isConsonant(word, before - 1);
  return runStartsAsConsonant === ((index - before) % 2 === 0);
}

/** How often a consonant follows a vowel: the paper's m in [C](VC){m}[V]. */
function measure(stem: string): number {
  let count = 0;
  for (let i = 1; i < stem.length; i++) if (isConsonant(stem, i) && !isConsonant(stem, i - 1)) count++;
  return count;
}

function hasVowel(stem: string): boolean {
  for (let i = 0; i < stem.length; i++) if (!isConsonant(stem, i)) return true;
  return false;
}

const endsInDoubleConsonant = (word: string): boolean =>
  word.length >= 2 && word.at(-1) === word.at(-2) && isConsonant(word, word.length - 1);

/** Consonant, vowel, consonant other than w, x, y (the paper's *o); also a word of a vowel and a consonant. */
function endsShort(word: string): boolean {
  const last = word.length - 1;
  if (word.length >= 3 && isConsonant(word, last - 2) && !isConsonant(word, last - 1) && isConsonant(word, last)) {
    return !'wxy'.includes(word[last] as string);
  }
  return word.length === 2 && !isConsonant(word, 0) && isConsonant(word, 1);
}

type Rule = readonly [suffix: string, replacement: string, condition?: (stem: string, word: string) => boolean];

/** The first rule whose suffix fits decides: if its condition fails, the word stays. */
function apply(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, condition] of rules) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, word.length - suffix.length);
    return !condition || condition(stem, word) ? stem + replacement : word;
  }
  return word;
}

const isLong = (stem: string) => measure(stem) > 0;
const isVeryLong = (stem: string) => measure(stem) > 1;

function step1a(word: string): string {
  if (word.length === 4 && word.endsWith('ies')) return word.slice(0, -1);
  return apply(word, [
    ['sses', 'ss'],
    ['ies', 'i'],
    ['ss', 'ss'],
    ['s', ''],
  ]);
}

function step1b(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return apply(word, [['eed', 'ee', isLong]]);
  const stem = word.endsWith('ed') ? word.slice(0, -2) : word.endsWith('ing') ? word.slice(0, -3) : undefined;
  if (stem === undefined || !hasVowel(stem)) return word;
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDoubleConsonant(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

const step1c = (word: string): string =>
  apply(word, [['y', 'i', (stem) => stem.length > 1 && isConsonant(stem, stem.length - 1)]]);

function step2(word: string): string {
  // What -alli leaves is looked at again: radically, radical, radic.
  if (word.endsWith('alli') && isLong(word.slice(0, -4))) return step2(word.slice(0, -2));
  return apply(word, step2Rules);
}

const step2Rules: readonly Rule[] = [
  ['ational', 'ate', isLong],
  ['tional', 'tion', isLong],
  ['enci', 'ence', isLong],
  ['anci', 'ance', isLong],
  ['izer', 'ize', isLong],
  ['bli', 'ble', isLong],
  ['alli', 'al', isLong],
  ['entli', 'ent', isLong],
  ['eli', 'e', isLong],
  ['ousli', 'ous', isLong],
  ['ization', 'ize', isLong],
  ['ation', 'ate', isLong],
  ['ator', 'ate', isLong],
  ['alism', 'al', isLong],
  ['iveness', 'ive', isLong],
  ['fulness', 'ful', isLong],
  ['ousness', 'ous', isLong],
  ['aliti', 'al', isLong],
  ['iviti', 'ive', isLong],
  ['biliti', 'ble', isLong],
  ['fulli', 'ful', isLong],
  // The l counts as part of the stem, so that geologi- is long enough and logi- is not.
  ['logi', 'log', (_, word) => isLong(word.slice(0, -3))],
];

const step3 = (word: string): string =>
  apply(word, [
    ['icate', 'ic', isLong],
    ['ative', '', isLong],
    ['alize', 'al', isLong],
    ['iciti', 'ic', isLong],
    ['ical', 'ic', isLong],
    ['ful', '', isLong],
    ['ness', '', isLong],
  ]);

const step4Suffixes = 'al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize';
const step4Rules = step4Suffixes
  .split(' ')
  .map(
    (suffix): Rule => [suffix, '', suffix === 'ion' ? (stem) => isVeryLong(stem) && /[st]$/.test(stem) : isVeryLong],
  );
const step4 = (word: string): string => apply(word, step4Rules);

const step5a = (word: string): string =>
  apply(word, [['e', '', (stem) => measure(stem) > 1 || (measure(stem) === 1 && !endsShort(stem))]]);

const step5b = (word: string): string => apply(word, [['ll', 'l', (stem) => measure(`${stem}l`) > 1]]);
