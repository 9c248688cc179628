/** Sentences of a small grammar with their German translations. */
import type { Rng } from 'distillm';
import { chance, pick } from './random.ts';
import type { TaskRecord } from './record.ts';

type Gender = 'm' | 'f' | 'n';
/** English, German, gender. */
const nouns: readonly (readonly [string, string, Gender])[] = [
  ['dog', 'Hund', 'm'],
  ['man', 'Mann', 'm'],
  ['friend', 'Freund', 'm'],
  ['teacher', 'Lehrer', 'm'],
  ['tree', 'Baum', 'm'],
  ['table', 'Tisch', 'm'],
  ['cat', 'Katze', 'f'],
  ['woman', 'Frau', 'f'],
  ['flower', 'Blume', 'f'],
  ['street', 'Straße', 'f'],
  ['city', 'Stadt', 'f'],
  ['card', 'Karte', 'f'],
  ['child', 'Kind', 'n'],
  ['house', 'Haus', 'n'],
  ['book', 'Buch', 'n'],
  ['bread', 'Brot', 'n'],
  ['window', 'Fenster', 'n'],
  ['horse', 'Pferd', 'n'],
];
const adjectives: readonly (readonly [string, string])[] = [
  ['small', 'klein'],
  ['big', 'groß'],
  ['old', 'alt'],
  ['new', 'neu'],
  ['red', 'rot'],
  ['good', 'gut'],
  ['white', 'weiß'],
  ['young', 'jung'],
];
const verbs: readonly (readonly [string, string])[] = [
  ['sees', 'sieht'],
  ['buys', 'kauft'],
  ['finds', 'findet'],
  ['loves', 'liebt'],
  ['draws', 'malt'],
  ['knows', 'kennt'],
  ['looks for', 'sucht'],
  ['brings', 'bringt'],
];
const times: readonly (readonly [string, string])[] = [
  ['today', 'heute'],
  ['tomorrow', 'morgen'],
  ['often', 'oft'],
  ['here', 'hier'],
];
const instructions = [
  'Translate into German.',
  'Translate this sentence into German.',
  'How do you say this in German?',
  'Write the sentence in German.',
];

type Case = 'nominative' | 'accusative';
/** Article and the ending of an adjective after it. */
const definite: Record<Case, Record<Gender, readonly [string, string]>> = {
  nominative: { m: ['der', 'e'], f: ['die', 'e'], n: ['das', 'e'] },
  accusative: { m: ['den', 'en'], f: ['die', 'e'], n: ['das', 'e'] },
};
const indefinite: Record<Case, Record<Gender, readonly [string, string]>> = {
  nominative: { m: ['ein', 'er'], f: ['eine', 'e'], n: ['ein', 'es'] },
  accusative: { m: ['einen', 'en'], f: ['eine', 'e'], n: ['ein', 'es'] },
};

function nounPhrase(rng: Rng, grammaticalCase: Case): readonly [string, string] {
  const [english, german, gender] = pick(rng, nouns);
  const isDefinite = chance(rng, 0.6);
  const [article, ending] = (isDefinite ? definite : indefinite)[grammaticalCase][gender];
  if (chance(rng, 0.5)) {
    const [adjective, translated] = pick(rng, adjectives);
    const englishArticle = isDefinite ? 'the' : /^[aeiou]/.test(adjective) ? 'an' : 'a';
    return [`${englishArticle} ${adjective} ${english}`, `${article} ${translated}${ending} ${german}`];
  }
  return [`${isDefinite ? 'the' : 'a'} ${english}`, `${article} ${german}`];
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A sentence of a small English grammar and its German, with gender and case agreement. */
export function translation(rng: Rng): TaskRecord {
  const subject = nounPhrase(rng, 'nominative');
  const verb = pick(rng, verbs);
  const object = nounPhrase(rng, 'accusative');
  const [english, german] = [0, 1].map((side) => [subject[side], verb[side], object[side]]) as [string[], string[]];
  if (chance(rng, 0.4)) {
    const time = pick(rng, times);
    english.push(time[0]);
    german.splice(2, 0, time[1]);
  }
  return {
    instruction: pick(rng, instructions),
    input: `${capital(english.join(' '))}.`,
    output: `${capital(german.join(' '))}.`,
  };
}
