/**
 * All ways to cut words into pieces: at each place of the words, which pieces begin there. Over them the expected counts of
 * pieces (Baum-Welch), and the best ways (Viterbi). Scores are natural logarithms of probabilities.
 */

import type { Pausable } from '../../pausable.js';

/** What an unknown character costs, below the lowest score, as in SentencePiece. */
const unknownPenalty = 10;
/** The id of a character that no piece is. */
export const unknown = 0;

/** Symbols of words between two pauses: a millisecond or two. */
const pauseSymbols = 4096;
/** Rounds of a short loop between two pauses. */
const pauseMask = 0xffff;

/** Pieces by id; the first is the unknown. */
export interface Pieces {
  /** Symbols of each. */
  readonly lengths: Int32Array;
  /** Score of each; NaN for those that are no more, and for the unknown. */
  readonly scores: Float64Array;
}

/** Words side by side, each ended by a symbol 0. */
export interface Words {
  readonly symbols: Int32Array;
  /** Where each begins, and the end of the last. */
  readonly starts: Int32Array;
  /** How often each occurs. */
  readonly counts: Float64Array;
}

/** log(e^a + e^b) */
function logAdd(a: number, b: number): number {
  const [less, more] = a < b ? [a, b] : [b, a];
  return less === Number.NEGATIVE_INFINITY ? more : more + Math.log1p(Math.exp(less - more));
}

export class Lattice {
  readonly #words: Words;
  readonly #pieces: Pieces;
  /** The ids of the pieces that begin at place p are ids[starts[p]] to ids[starts[p + 1] - 1]. */
  readonly #starts: Int32Array;
  readonly #ids: Int32Array;
  /** The scores, with what an unknown character costs. */
  readonly #scores: Float64Array;
  readonly #forward: Float64Array;
  readonly #backward: Float64Array;
  readonly #bestId: Int32Array;

  private constructor(words: Words, pieces: Pieces, { starts, ids }: { starts: Int32Array; ids: Int32Array }) {
    this.#words = words;
    this.#pieces = pieces;
    this.#starts = starts;
    this.#ids = ids;
    this.#scores = new Float64Array(pieces.scores.length);
    let longest = 0;
    for (let word = 0; word < words.counts.length; word++) {
      longest = Math.max(longest, (words.starts[word + 1] as number) - (words.starts[word] as number));
    }
    this.#forward = new Float64Array(longest);
    this.#backward = new Float64Array(longest);
    this.#bestId = new Int32Array(longest);
  }

  /** @param placesOf the places where a piece begins */
  static *of(words: Words, pieces: Pieces, placesOf: (id: number) => Int32Array): Pausable<Lattice> {
    const { length } = words.symbols;
    const count = pieces.lengths.length;
    const starts = new Int32Array(length + 2);
    for (let id = 1, done = 0; id < count; id++) {
      for (const place of placesOf(id)) starts[place + 2] = (starts[place + 2] as number) + 1;
      done += placesOf(id).length;
      if (done < pauseMask) continue;
      done = 0;
      yield;
    }
    for (let place = 0; place < length; place++) {
      starts[place + 2] = (starts[place + 2] as number) + (starts[place + 1] as number);
    }
    const ids = new Int32Array(starts[length + 1] as number);
    for (let id = 1, done = 0; id < count; id++) {
      for (const place of placesOf(id)) {
        ids[starts[place + 1] as number] = id;
        starts[place + 1] = (starts[place + 1] as number) + 1;
      }
      done += placesOf(id).length;
      if (done < pauseMask) continue;
      done = 0;
      yield;
    }
    const lattice = new Lattice(words, pieces, { starts: starts.subarray(0, length + 1), ids });
    yield* lattice.update();
    return lattice;
  }

  /** Leaves out the pieces that are no more, after scores have changed: without its own, a character is unknown. */
  *update(): Pausable<void> {
    const { scores, lengths } = this.#pieces;
    const { symbols } = this.#words;
    const [starts, ids] = [this.#starts, this.#ids];
    let kept = 0;
    let next = starts[0] as number;
    for (let place = 0; place < symbols.length; place++) {
      if ((place & pauseMask) === pauseMask) yield;
      const [first, end] = [next, starts[place + 1] as number];
      next = end;
      starts[place] = kept;
      let isKnown = symbols[place] === 0;
      for (let i = first; i < end; i++) {
        const id = ids[i] as number;
        if (id === unknown || Number.isNaN(scores[id])) continue;
        if (lengths[id] === 1) isKnown = true;
        ids[kept++] = id;
      }
      // What the character's own piece had is free.
      if (!isKnown) ids[kept++] = unknown;
    }
    starts[symbols.length] = kept;
    this.#scores.set(scores);
    let lowest = 0;
    for (const score of scores) if (score < lowest) lowest = score;
    this.#scores[unknown] = lowest - unknownPenalty;
  }

  /** How often each piece is expected, over all words. */
  *expectations(): Pausable<Float64Array> {
    const { starts: wordStarts, counts } = this.#words;
    const { lengths } = this.#pieces;
    const [starts, ids, scores, forward, backward] = [
      ...([this.#starts, this.#ids, this.#scores, this.#forward, this.#backward] as const),
    ];
    const expected = new Float64Array(scores.length);
    for (let word = 0, done = 0; word < counts.length; word++) {
      const [begin, count] = [wordStarts[word] as number, counts[word] as number];
      const length = (wordStarts[word + 1] as number) - 1 - begin;
      done += length;
      if (done >= pauseSymbols) {
        done = 0;
        yield;
      }
      forward.fill(Number.NEGATIVE_INFINITY, 0, length + 1);
      forward[0] = 0;
      for (let i = 0; i < length; i++) {
        const before = forward[i] as number;
        for (let k = starts[begin + i] as number; k < (starts[begin + i + 1] as number); k++) {
          const id = ids[k] as number;
          const at = i + (lengths[id] as number);
          forward[at] = logAdd(forward[at] as number, before + (scores[id] as number));
        }
      }
      const all = forward[length] as number;
      backward[length] = 0;
      for (let i = length - 1; i >= 0; i--) {
        const before = (forward[i] as number) - all;
        let sum = Number.NEGATIVE_INFINITY;
        for (let k = starts[begin + i] as number; k < (starts[begin + i + 1] as number); k++) {
          const id = ids[k] as number;
          const behind = (scores[id] as number) + (backward[i + (lengths[id] as number)] as number);
          sum = logAdd(sum, behind);
          expected[id] = (expected[id] as number) + count * Math.exp(before + behind);
        }
        backward[i] = sum;
      }
    }
    return expected;
  }

  /** How often each piece is in the best way to cut each word. */
  *bestCounts(): Pausable<Float64Array> {
    const { starts, counts } = this.#words;
    const found = new Float64Array(this.#scores.length);
    for (let word = 0, done = 0; word < counts.length; word++) {
      const [begin, end] = [starts[word] as number, (starts[word + 1] as number) - 1];
      for (const id of this.#best(begin, end).ids) found[id] = (found[id] as number) + (counts[word] as number);
      done += end - begin;
      if (done < pauseSymbols) continue;
      done = 0;
      yield;
    }
    return found;
  }

  /** The best way to cut a piece that begins at a place into others: none has no pieces. */
  alternative(place: number, id: number): { readonly ids: readonly number[]; readonly score: number } {
    return this.#best(place, place + (this.#pieces.lengths[id] as number), id);
  }

  /** From the end to the start, so that the path is walked forwards. `without`: a piece that is not taken. */
  #best(begin: number, end: number, without = -1): { readonly ids: readonly number[]; readonly score: number } {
    const { lengths } = this.#pieces;
    const [starts, pieces, scores, best] = [this.#starts, this.#ids, this.#scores, this.#backward];
    const length = end - begin;
    best.fill(Number.NEGATIVE_INFINITY, 0, length);
    best[length] = 0;
    for (let i = length - 1; i >= 0; i--) {
      for (let k = starts[begin + i] as number; k < (starts[begin + i + 1] as number); k++) {
        const id = pieces[k] as number;
        const at = i + (lengths[id] as number);
        if (at > length || id === without) continue;
        const sum = (scores[id] as number) + (best[at] as number);
        if (!(sum > (best[i] as number))) continue;
        best[i] = sum;
        this.#bestId[i] = id;
      }
    }
    const ids: number[] = [];
    const score = best[0] as number;
    if (score === Number.NEGATIVE_INFINITY) return { ids, score };
    for (let i = 0; i < length; i += lengths[ids.at(-1) as number] as number) ids.push(this.#bestId[i] as number);
    return { ids, score };
  }
}
