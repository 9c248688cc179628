/**
 * A seeded generator for those who draw many numbers in order, as the demo's task does. Runs do not use it: their
 * draws are functions of (seed, purpose, index).
 */
import * as z from 'zod';
import { requireOption } from '../requireOption.js';
import { checkOption, ranges } from '../settings/index.js';
import { TextInstance } from './instance.js';
import { allocate, copyWords, type TextExports, wordsAt } from './wasm.js';

/** State of a generator: 8 unsigned 32-bit integers, fit for JSON. */
export type RngState = readonly number[];

/** A seeded generator (xoshiro256**): the same seed gives the same draws on every machine. */
export interface Rng {
  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number;
  /** Uniform integer in [0, n), n from 1 to 2^32 - 1. @throws OptionError */
  int(n: number): number;
  /** Shuffles in place, each order as likely as any other. @throws OptionError */
  shuffle(values: Int32Array): void;
  /** The state now, from which `createRng` continues. */
  state(): RngState;
}

const STATE_WORDS = 8;
const where = 'createRng';
const u32 = 2 ** 32 - 1;
const drawn = ranges.integer(1, u32);
const words = `${STATE_WORDS} integers from 0 to ${u32}`;
const rngState = z.array(ranges.integer(0, u32, words)).length(STATE_WORDS, words);

/** All generators share one object, in which a state has a place for a draw. */
let host: { readonly instance: TextInstance; readonly at: number } | undefined;

/**
 * A generator from a seed (an integer from 0 to 2^53 - 1) or from a state that another one gave.
 * @throws OptionError
 */
export function createRng(from: number | RngState): Rng {
  // Each keeps its state here and copies it in for a draw: none needs disposing.
  const state = new Uint32Array(STATE_WORDS);
  const lend = <T>(draw: (wasm: TextExports, at: number) => T): T => {
    const { instance, at } = openHost();
    const wasm = instance.use();
    stateAt(wasm, at).set(state);
    const drawn = draw(wasm, at);
    state.set(stateAt(wasm, at));
    return drawn;
  };
  if (typeof from === 'number') {
    checkOption(where, 'seed', from, ranges.seed);
    lend((wasm, at) => wasm.seedGenerator(at, from));
  } else {
    checkOption(where, 'state', from, rngState);
    state.set(from);
  }
  return {
    uniform: () => lend((wasm, at) => wasm.uniform(at)),
    int(n) {
      checkOption('int', 'n', n, drawn);
      return lend((wasm, at) => wasm.below(at, n)) >>> 0;
    },
    shuffle(values) {
      requireOption('shuffle', 'values', values, values instanceof Int32Array, 'an Int32Array');
      lend((wasm, at) => {
        const words = copyWords(wasm, values);
        wasm.shuffle(at, words, values.length);
        values.set(wordsAt(wasm, words, values.length));
        wasm.release(words);
      });
    },
    state: () => Array.from(state),
  };
}

const stateAt = (wasm: TextExports, at: number) => new Uint32Array(wasm.memory.buffer, at, STATE_WORDS);

/** Opened anew where an array that was too long for the memory ended it. */
function openHost() {
  if (!host || host.instance.disposed) {
    const instance = new TextInstance('The generator');
    host = { instance, at: allocate(instance.use(), STATE_WORDS * 4) };
  }
  return host;
}
