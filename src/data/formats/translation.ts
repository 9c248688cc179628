/**
 * Translations as JSON: `{ "translation": { "en": text, "de": text } }`, as Hugging Face has those of IWSLT and WMT, or the
 * two languages as the fields of the record itself.
 */
import { isObject } from '../../io/json.js';
import { Problem } from '../jsonLine.js';
import { type Languages, languageName, translationOf } from '../languages.js';
import { allRead, type Fields, has, someText } from '../recordFields.js';
import type { RecordFormat } from './format.js';

export const translation: RecordFormat = {
  inWords: 'a text with its translation',
  matches: (record) =>
    !has(record, 'instruction') &&
    !has(record, 'prompt') &&
    (isObject(record.translation) || areTexts(record, codesOf(record))),
  questions(record, { languages }) {
    const isNested = isObject(record.translation);
    const texts = isNested ? (record.translation as Fields) : record;
    const codes = codesOf(texts);
    const [first, second] = codes;
    if (!languages && (first === undefined || second === undefined || codes.length > 2)) {
      return new Problem(`: field 'translation' has ${inWords(codes)}, expected two languages, or languages: 'en-de'`);
    }
    const chosen = languages ?? { from: first as string, to: second as string };
    const missing = [chosen.from, chosen.to].find((code) => !has(texts, code));
    if (missing !== undefined) return new Problem(` has no '${missing}', found ${inWords(codes)}`);
    const place = (code: string) => (isNested ? `translation.${code}` : code);
    const read = allRead({
      source: someText(place(chosen.from), texts[chosen.from]),
      target: someText(place(chosen.to), texts[chosen.to]),
    });
    return read instanceof Problem ? read : [translationOf(read.source, read.target, chosen)];
  },
};

/** The fields that are called by a language. An `id` beside two of them is the record's, not Indonesian. */
function codesOf(texts: Fields): Languages['from'][] {
  const codes = Object.keys(texts).filter((field) => /^[a-z]{2,3}$/.test(field) && languageName(field) !== undefined);
  return codes.length > 2 ? codes.filter((code) => code !== 'id') : codes;
}

const areTexts = (record: Fields, codes: readonly string[]) =>
  codes.length === 2 && codes.every((code) => typeof record[code] === 'string');

const inWords = (codes: readonly string[]) =>
  codes.length === 0 ? 'no language' : codes.map((code) => `'${code}'`).join(', ');
