/**
 * A seeded generator for those who draw many numbers in order, as the demo's task does. Runs do not use it: their
 * draws are functions of (seed, purpose, index).
 */
import * as z from 'zod';
import { requireOption } from '../requireOption.js';
import { checkOption, ranges } from '../settings/index.js';
import { copyWords, instantiateText, type TextExports } from './wasm.js';

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

let host: { wasm: TextExports; at: number } | undefined;

/**
 * A generator from a seed (an integer from 0 to 2^53 - 1) or from a state that another one gave.
 * @throws OptionError
 */
export function createRng(from: number | RngState): Rng {
  host ??= openHost();
  const { wasm, at } = host;
  // All generators share one instance. Each keeps its state here and copies it in for a draw: none needs disposing.
  const state = new Uint32Array(STATE_WORDS);
  const lend = <T>(draw: () => T): T => {
    new Uint32Array(wasm.memory.buffer, at, STATE_WORDS).set(state);
    const drawn = draw();
    state.set(new Uint32Array(wasm.memory.buffer, at, STATE_WORDS));
    return drawn;
  };
  if (typeof from === 'number') {
    checkOption(where, 'seed', from, ranges.seed);
    lend(() => wasm.seedGenerator(at, from));
  } else {
    checkOption(where, 'state', from, rngState);
    state.set(from);
  }
  return {
    uniform: () => lend(() => wasm.uniform(at)),
    int(n) {
      checkOption('int', 'n', n, drawn);
      return lend(() => wasm.below(at, n)) >>> 0;
    },
    shuffle(values) {
      requireOption('shuffle', 'values', values, values instanceof Int32Array, 'an Int32Array');
      const words = copyWords(wasm, values);
      lend(() => wasm.shuffle(at, words, values.length));
      values.set(new Int32Array(wasm.memory.buffer, words, values.length));
      wasm.release(words);
    },
    state: () => Array.from(state),
  };
}

function openHost() {
  const wasm = instantiateText();
  return { wasm, at: wasm.allocate(STATE_WORDS * 4) };
}
