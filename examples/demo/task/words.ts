/** Tasks about lists of words: opposites, sorting, words in common. */
import type { Rng } from 'distillm';
import { chance, pick, pickSome } from './random.ts';
import type { TaskRecord } from './record.ts';

const opposites: readonly (readonly [string, string])[] = [
  ['hot', 'cold'],
  ['big', 'small'],
  ['old', 'new'],
  ['fast', 'slow'],
  ['happy', 'sad'],
  ['open', 'closed'],
  ['early', 'late'],
  ['full', 'empty'],
  ['light', 'dark'],
  ['hard', 'soft'],
  ['rich', 'poor'],
  ['clean', 'dirty'],
];
const things = ['apple', 'banana', 'bread', 'cherry', 'egg', 'fish', 'lemon', 'milk', 'nut', 'orange', 'pear', 'rice'];

/** Opposites of one to three words. */
export function oppositeWords(rng: Rng): TaskRecord {
  const words = pickSome(rng, opposites, 1 + rng.int(3)).map(([a, b]) => (chance(rng, 0.5) ? [a, b] : [b, a]));
  return {
    instruction: pick(rng, ['Give the opposite of each word.', 'Write the opposite.', 'What are the opposites?']),
    input: words.map(([word]) => word).join(', '),
    output: words.map(([, word]) => word).join(', '),
  };
}

/** Three to five words in the order of the alphabet. */
export function sorting(rng: Rng): TaskRecord {
  const words = pickSome(rng, things, 3 + rng.int(3));
  return {
    instruction: pick(rng, ['Sort the words.', 'Put the words in alphabetical order.', 'Sort the list from a to z.']),
    input: words.join(', '),
    output: words.toSorted().join(', '),
  };
}

/** What is on both shopping lists, or "nothing". */
export function sharedWords(rng: Rng): TaskRecord {
  const first = pickSome(rng, things, 3);
  const second = pickSome(rng, things, 3);
  const shared = first.filter((word) => second.includes(word));
  return {
    instruction: pick(rng, ['What is on both lists?', 'Which words are in both lists?']),
    input: `${first.join(', ')}; ${second.join(', ')}`,
    output: shared.length > 0 ? shared.join(', ') : 'nothing',
  };
}
