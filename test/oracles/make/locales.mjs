// Writes test/oracles/pipelines/locales.json: a text in each of 100 locales, from the data of the JavaScript engine.
//
//   node test/oracles/make/locales.mjs
import { mkdirSync, writeFileSync } from 'node:fs';

const locales =
  'af am ar as az be bg bn bs ca cs cy da de el en en-GB es et eu fa fi fil fr ga gl gu ha he hi hr hu hy id ig is it ja ka kk ' +
  'km kn ko ky lo lt lv mi mk ml mn mr ms mt my nb ne nl nn om or pa pl ps pt qu ro ru sd si sk sl so sq sr sr-Latn sv sw ta te ' +
  'tg th ti tk to tr tt ug uk ur uz vi wo xh yo zh zh-Hant zu chr dz fo kl';
const date = new Date(Date.UTC(2024, 1, 29, 21, 7, 5));
const text = (locale) => {
  const language = new Intl.DisplayNames([locale], { type: 'language' });
  const region = new Intl.DisplayNames([locale], { type: 'region' });
  const names = ['en', 'de', 'fr', 'ru', 'zh', 'ar', 'hi'].map((code) => language.of(code));
  const regions = ['US', 'DE', 'IN', 'JP', 'BR'].map((code) => region.of(code));
  const when = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' }).format(date);
  const number = new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }).format(1234567.891);
  return `${locale}: ${new Intl.ListFormat(locale).format(names)}; ${regions.join(', ')}. ${when} ${number}`;
};
const folder = new URL('../pipelines/', import.meta.url);
mkdirSync(folder, { recursive: true });
const texts = locales.split(' ').slice(0, 100).map(text);
writeFileSync(new URL('locales.json', folder), `${JSON.stringify(texts, null, 0)}\n`);
