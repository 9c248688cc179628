/** The sampler that looks at a sequence's history, on the host. */
import * as z from 'zod';
import { DisposedError, ShapeError, TrainingError } from '../errors.js';
import { checkOption, checkOptions, option, ranges } from '../settings/index.js';
import { TextInstance } from './instance.js';
import { requireRoom, wordsAt } from './wasm.js';

const { positiveF32, someShare, word, zeroOrF32 } = ranges;

/** The schema of `SamplerOptions`. */
export const samplerOptions = z.strictObject({
  temperature: option(zeroOrF32.default(1), 'divides the logits; 0 takes the likeliest token, the lowest id of equals'),
  topK: option(word.default(0), 'draws among so many of the likeliest tokens, and those equal to the last; 0 is off'),
  topP: option(someShare.default(1), 'draws among the likeliest tokens with this probability together', {
    unit: 'share',
  }),
  repetitionPenalty: option(
    positiveF32.default(1),
    'divides positive and multiplies negative logits of tokens that were there; 1 is off',
  ),
  noRepeatNgramSize: option(word.default(0), 'no sequence of so many tokens comes twice, prompt included; 0 is off'),
  bannedTokens: option(z.array(word).readonly().default([]), 'ids that are never drawn', { flag: false }),
});
/**
 * How a token is drawn from logits. Applied in this order: repetition, repeated n-grams, bans, temperature, topK, topP.
 */
export type SamplerOptions = Readonly<z.input<typeof samplerOptions>>;
export type SamplerSettings = Readonly<z.output<typeof samplerOptions>>;

/** One sequence that is sampled: its history and its own generator. */
export interface SamplerState {
  /** Tokens in the history, prompt included. */
  readonly length: number;
  dispose(): void;
}

export interface Sampler {
  /**
   * Starts a sequence. What is drawn for it depends on its seed, its history and its logits alone, not on the batch.
   * `tokens`: the prompt without padding. `seed`: an integer from 0 to 2^53 - 1.
   */
  start(options: { readonly seed: number; readonly tokens?: ArrayLike<number> }): SamplerState;
  /**
   * Draws the next token of each sequence and appends it to its history. logits [states, vocab] -> ids [states].
   * The logits stay as they are. Options apply in Hugging Face's order: repetitionPenalty, noRepeatNgramSize,
   * bannedTokens, temperature, topK, topP.
   * @throws ShapeError, TrainingError when a row has NaN or +infinity or nothing left to draw.
   */
  sample(logits: Float32Array, states: readonly SamplerState[]): Int32Array<ArrayBuffer>;
  dispose(): void;
  [Symbol.dispose](): void;
}

const FAILURES: Readonly<Record<number, string>> = {
  [-1]: 'has NaN or +infinity. The model has diverged: look at its loss and at its weights',
  [-2]: 'has no token left that may be drawn. Ban fewer tokens, or lower noRepeatNgramSize',
};

/**
 * All options, with their defaults.
 * @throws OptionError when one is out of range.
 */
export const samplerSettings = (options: SamplerOptions): SamplerSettings =>
  checkOptions('createSampler', samplerOptions, options);

/**
 * What was drawn from a row of logits: an id, or the code of a failure as the sampler and the `sample` kernel give it.
 * @throws TrainingError for a failure
 */
export function drawnId(id: number, row: number): number {
  if (id < 0) throw new TrainingError(`sample: row ${row} of the logits ${FAILURES[id]}.`, { found: row });
  return id;
}

/** @throws OptionError when an option is out of range. */
export function createSampler(options: SamplerOptions = {}): Sampler {
  const { temperature, topK, topP, repetitionPenalty, noRepeatNgramSize, bannedTokens } = samplerSettings(options);
  const instance = new TextInstance('The sampler');
  const opened = instance.use();
  opened.openSampler(temperature, topK, topP, repetitionPenalty, noRepeatNgramSize);
  for (const id of bannedTokens) opened.banToken(id);
  const sequences = new WeakMap<SamplerState, { at: number; length: number }>();
  const sequenceOf = (state: SamplerState) => {
    const sequence = sequences.get(state);
    if (!sequence)
      throw new DisposedError('sample: a state was disposed or belongs to another sampler. Start it here.');
    return sequence;
  };

  return {
    start({ seed, tokens = [] }) {
      const wasm = instance.use();
      checkOption('start', 'seed', seed, ranges.seed);
      requireRoom(tokens.length * 4);
      const sequence = { at: wasm.openSequence(seed), length: tokens.length };
      wordsAt(wasm, wasm.extendSequence(sequence.at, tokens.length), tokens.length).set(tokens);
      const state: SamplerState = {
        get length() {
          return sequence.length;
        },
        dispose() {
          // With the sampler its sequences were freed.
          if (sequences.delete(state) && !instance.disposed) instance.use().closeSequence(sequence.at);
        },
      };
      sequences.set(state, sequence);
      return state;
    },
    sample(logits, states) {
      const wasm = instance.use();
      const vocab = logits.length / states.length;
      if (!Number.isInteger(vocab) || vocab < 1) {
        throw new ShapeError(
          `sample: ${logits.length} logits are not rows for ${states.length} sequences, expected [states, vocab].`,
          { found: logits.length, expected: states.length },
        );
      }
      requireRoom(vocab * 4);
      return Int32Array.from(states, (state, index) => {
        const sequence = sequenceOf(state);
        const row = wasm.openRow(vocab) >>> 0;
        new Float32Array(wasm.memory.buffer, row, vocab).set(logits.subarray(index * vocab, (index + 1) * vocab));
        const id = drawnId(wasm.sampleRow(sequence.at), index);
        sequence.length++;
        return id;
      });
    },
    dispose: () => instance.dispose(),
    [Symbol.dispose]: () => instance.dispose(),
  };
}
