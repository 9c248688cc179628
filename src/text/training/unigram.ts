/**
 * Training of a Unigram vocabulary (Kudo 2018, arXiv:1804.10959), as SentencePiece and Hugging Face's UnigramTrainer do it:
 * texts that occur more than once are the first pieces; expectation maximisation gives them probabilities; those without
 * which the words lose least go, until there are few enough.
 */
import { type Pausable, sorted } from '../../pausable.js';
import { Lattice, unknown, type Words } from './lattice.js';
import { type Repeat, repeatsOf, sortSuffixes } from './repeats.js';

/** What SentencePiece and Hugging Face have by default. */
const longestPiece = 16;
const mostSeeds = 1_000_000;
const keptShare = 0.75;
const roundsOfEach = 2;
const leastExpected = 0.5;
/** So many times the wanted pieces are left for the last choice. */
const surplus = 1.1;
/** Between characters that are in no word's best cut, so that they differ. */
const penaltyStep = 0.0001;
/** Longer words are cut: what a piece is decided by is near. */
const longestWord = 4096;

/** Rounds of a loop between two pauses: a few milliseconds. */
const pauseMask = 0xffff;

/** A piece and its score, the natural logarithm of its probability. */
export type ScoredPiece = readonly [text: string, score: number];

/**
 * The pieces of words, best first.
 * @param wordCounts how often each word occurs
 * @param wanted pieces in all, more than `required`
 * @param required characters that are pieces whether they occur or not
 * @param reserved tokens that are no pieces, which count where the vocabulary is said to be small enough
 */
export function* trainUnigram(
  wordCounts: ReadonlyMap<string, number>,
  { wanted, required, reserved }: { wanted: number; required: readonly string[]; reserved: number },
): Pausable<readonly ScoredPiece[]> {
  const alphabet = yield* alphabetOf(wordCounts, Math.ceil((wanted - required.length) / 2));
  const isMissing = (character: string) => !alphabet.includes(character.codePointAt(0) as number);
  const missing = required.filter(isMissing);
  if (alphabet.length === 0) return missing.map((character) => [character, 0]);
  const words = yield* wordsOf(wordCounts, alphabet);
  const { symbols } = words;
  const order = yield* sortSuffixes(symbols, longestPiece);
  const singles = yield* countSymbols(words, alphabet.length);
  const characters = Array.from(alphabet.keys()).sort(
    (a, b) => (singles[b + 1] as number) - (singles[a + 1] as number) || b - a,
  );
  const repeats = yield* bestRepeats(symbols, order, mostSeeds - characters.length);

  // Ids: the unknown, the characters, the repeats.
  const count = 1 + characters.length + repeats.length;
  const pieces = { lengths: new Int32Array(count).fill(1), scores: new Float64Array(count) };
  const sizes = [
    ...characters.map((character) => singles[character + 1] as number),
    ...repeats.map(({ length, first, last }) => length * (last - first + 1)),
  ];
  const total = Math.log(sizes.reduce((sum, size) => sum + size, 0));
  sizes.forEach((size, i) => {
    pieces.scores[i + 1] = Math.log(size) - total;
  });
  pieces.scores[unknown] = Number.NaN;
  const firstRepeat = 1 + characters.length;
  repeats.forEach(({ length }, i) => {
    pieces.lengths[firstRepeat + i] = length;
  });
  const idOfSymbol = new Int32Array(alphabet.length + 1);
  characters.forEach((character, i) => {
    idOfSymbol[character + 1] = 1 + i;
  });
  const placesOfSymbols = yield* placesBySymbol(symbols, alphabet.length);
  const placesOf = (id: number): Int32Array => {
    if (id < firstRepeat) return placesOfSymbols[(characters[id - 1] as number) + 1] as Int32Array;
    const { first, last } = repeats[id - firstRepeat] as Repeat;
    return order.subarray(first, last + 1);
  };
  const lattice = yield* Lattice.of(words, pieces, placesOf);
  const placeOf = (id: number) => placesOf(id)[0] as number;

  const limit = Math.floor((wanted + reserved) * surplus);
  let alive = Array.from({ length: count - 1 }, (_, i) => i + 1);
  const keep = (ids: readonly number[]): Pausable<void> => {
    const kept = new Uint8Array(count);
    for (const id of ids) kept[id] = 1;
    for (const id of alive) if (kept[id] === 0) pieces.scores[id] = Number.NaN;
    alive = [...ids];
    return lattice.update();
  };
  while (true) {
    for (let round = 0; round < roundsOfEach; round++) {
      const expected = yield* lattice.expectations();
      const likely = alive.filter((id) => (expected[id] as number) >= leastExpected);
      const sum = digamma(likely.reduce((total, id) => total + (expected[id] as number), 0));
      for (const [i, id] of likely.entries()) {
        if ((i & pauseMask) === pauseMask) yield;
        pieces.scores[id] = digamma(expected[id] as number) - sum;
      }
      yield* keep(likely);
    }
    if (alive.length + 1 <= limit) break;
    const before = alive.length;
    const size = Math.max(limit, Math.floor((before + 1) * keptShare));
    yield* keep(yield* prune(lattice, pieces.scores, alive, words, placeOf, size));
    if (alive.length === before) break;
  }
  const textOf = (id: number) => {
    const at = placeOf(id);
    return String.fromCodePoint(
      ...Array.from(
        symbols.subarray(at, at + (pieces.lengths[id] as number)),
        (symbol) => alphabet[symbol - 1] as number,
      ),
    );
  };
  const lowest = alive.reduce((least, id) => Math.min(least, pieces.scores[id] as number), 0);
  let steps = 0;
  const atTheEnd = () => lowest + penaltyStep * steps++;
  const ofCharacters = characters.map((_, i): ScoredPiece => {
    const score = pieces.scores[i + 1] as number;
    return [textOf(i + 1), Number.isNaN(score) ? atTheEnd() : score];
  });
  ofCharacters.push(...missing.map((character): ScoredPiece => [character, atTheEnd()]));
  const others = alive.filter((id) => id >= firstRepeat).slice(0, Math.max(0, wanted - ofCharacters.length));
  const all = [...ofCharacters, ...others.map((id): ScoredPiece => [textOf(id), pieces.scores[id] as number])];
  return all.sort(([, a], [, b]) => b - a);
}

/** The code points of the words in their order: the most frequent `most`. */
function* alphabetOf(wordCounts: ReadonlyMap<string, number>, most: number): Pausable<number[]> {
  const counts = new Map<number, number>();
  let done = 0;
  for (const [word, count] of wordCounts) {
    for (const character of word) {
      if ((done++ & pauseMask) === pauseMask) yield;
      const code = character.codePointAt(0) as number;
      counts.set(code, (counts.get(code) ?? 0) + count);
    }
  }
  const byCount = [...counts].sort(([a, countA], [b, countB]) => countB - countA || b - a);
  return byCount
    .slice(0, most)
    .map(([code]) => code)
    .sort((a, b) => a - b);
}

/** Words as symbols: places in the alphabet, from 1. Characters outside the alphabet part words, as their ends do. */
function* wordsOf(wordCounts: ReadonlyMap<string, number>, alphabet: readonly number[]): Pausable<Words> {
  const symbolOf = new Map(alphabet.map((code, i) => [code, i + 1]));
  const symbols: number[] = [];
  const starts = [0];
  const counts: number[] = [];
  for (const [word, count] of wordCounts) {
    const end = () => {
      const start = starts.at(-1) as number;
      if (symbols.length === start) return;
      symbols.push(0);
      starts.push(symbols.length);
      counts.push(count);
    };
    for (const character of word) {
      if ((symbols.length & pauseMask) === pauseMask) yield;
      const symbol = symbolOf.get(character.codePointAt(0) as number);
      if (symbol === undefined || symbols.length - (starts.at(-1) as number) === longestWord) end();
      if (symbol !== undefined) symbols.push(symbol);
    }
    end();
  }
  return { symbols: Int32Array.from(symbols), starts: Int32Array.from(starts), counts: Float64Array.from(counts) };
}

/** How often each symbol occurs. */
function* countSymbols({ symbols, starts, counts }: Words, most: number): Pausable<Float64Array> {
  const found = new Float64Array(most + 1);
  for (let word = 0; word < counts.length; word++) {
    if ((word & pauseMask) === pauseMask) yield;
    for (let i = starts[word] as number; i < (starts[word + 1] as number) - 1; i++) {
      const symbol = symbols[i] as number;
      found[symbol] = (found[symbol] as number) + (counts[word] as number);
    }
  }
  return found;
}

function* placesBySymbol(symbols: Int32Array, most: number): Pausable<Int32Array[]> {
  const sizes = new Int32Array(most + 1);
  for (const symbol of symbols) sizes[symbol] = (sizes[symbol] as number) + 1;
  const places = Array.from(sizes, (size) => new Int32Array(size));
  sizes.fill(0);
  for (let place = 0; place < symbols.length; place++) {
    if ((place & pauseMask) === pauseMask) yield;
    const symbol = symbols[place] as number;
    (places[symbol] as Int32Array)[sizes[symbol] as number] = place;
    sizes[symbol] = (sizes[symbol] as number) + 1;
  }
  return places;
}

/** The repeats that save most, best first; of equal ones the later text first. */
function* bestRepeats(symbols: Int32Array, order: Int32Array, most: number): Pausable<Repeat[]> {
  const saved = ({ length, first, last }: Repeat) => length * (last - first + 1);
  const repeats: Repeat[] = [];
  for (const repeat of repeatsOf(symbols, order, longestPiece)) {
    if (repeat) repeats.push(repeat);
    else yield;
  }
  const best = yield* sorted(repeats, (a, b) => saved(b) - saved(a) || b.first - a.first || b.length - a.length);
  return best.slice(0, Math.max(0, most));
}

/**
 * The pieces that stay, at most `size` with the unknown: those that nothing can stand in for, and those without which the
 * words become least likely, were each replaced by its best alternative.
 */
function* prune(
  lattice: Lattice,
  scores: Float64Array,
  alive: readonly number[],
  { counts }: Words,
  placeOf: (id: number) => number,
  size: number,
): Pausable<number[]> {
  const found = yield* lattice.bestCounts();
  const words = counts.reduce((total, count) => total + count, 0);
  const sum = found.reduce((total, each) => total + each, 0);
  const logSum = Math.log(sum);
  const kept: number[] = [];
  const losses: { readonly id: number; readonly loss: number }[] = [];
  for (const [i, id] of alive.entries()) {
    if (i % 1024 === 1023) yield;
    const often = found[id] as number;
    const { ids, score } = lattice.alternative(placeOf(id), id);
    const isOnly = ids.length === 0;
    const isBest = !isOnly && !(score > (scores[id] as number));
    if (isOnly) kept.push(id);
    else if (!isBest) {
      if (often > 0) kept.push(id);
    } else if (often > 0) {
      const own = Math.log(often) - logSum;
      // The number of all pieces stands here in SentencePiece, where that of the alternative is meant.
      const logSumWithout = Math.log(sum + often * alive.length);
      const others = ids.reduce(
        (total, other) => total + Math.log((found[other] as number) + often) - logSumWithout,
        0,
      );
      losses.push({ id, loss: (often / words) * (own - others) });
    }
  }
  const worst = yield* sorted(losses, (a, b) => b.loss - a.loss);
  return [...kept, ...worst.slice(0, Math.max(0, size - 1 - kept.length)).map(({ id }) => id)];
}

/** The derivative of log gamma: with it instead of the logarithm, rare pieces count for less (as in SentencePiece). */
function digamma(x: number): number {
  let result = 0;
  while (x < 7) {
    result -= 1 / x;
    x += 1;
  }
  x -= 0.5;
  const square = 1 / (x * x);
  const fourth = square * square;
  const series = square / 24 - (7 / 960) * fourth + (31 / 8064) * fourth * square - (127 / 30720) * fourth * fourth;
  return result + Math.log(x) + series;
}
