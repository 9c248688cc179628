/**
 * The loop that answers prompts: one token each a step, until every sequence has ended. It knows no cache and no
 * padding; those are the model's (`Decoding`).
 */
import { markPhase } from '../backend/profile.js';
import { LimitError, OptionError } from '../errors.js';
import type { Decoding, LanguageModel } from '../models/model.js';
import { checkOption, ranges } from '../settings/index.js';
import { headLogits, tidy } from '../tensor/index.js';
import type { SamplerOptions } from '../text/sampler.js';
import { createPicker, type TokenPicker } from './picker.js';

/** How answers are drawn, and how long they may be. */
export interface GenerateOptions extends SamplerOptions {
  /** At most so many tokens a prompt; the model must have room for them, see `LanguageModel.room`. */
  readonly maxNewTokens: number;
  /** Ends a sequence, and is its last id. Without it every sequence gets maxNewTokens. */
  readonly eosTokenId?: number | undefined;
  /**
   * One a prompt, integers from 0 to 2^53 - 1; 0, 1, 2 ... by default. Unused at temperature 0. The same seed draws the
   * same tokens on every device, unless two tokens are so close that the roundings of their logits decide between them.
   */
  readonly seeds?: readonly number[];
  /** At most so many prompts side by side, batch after batch in the order given. Default: all of them. */
  readonly batchSize?: number;
  /** Stops between two tokens: the call throws the signal's reason and frees its memory. */
  readonly signal?: AbortSignal;
}

/** A new token of one of the prompts. */
interface NewToken {
  readonly prompt: number;
  readonly id: number;
}

/**
 * Decodes all prompts side by side, one token each a step, until every sequence has ended. Yields the new tokens of
 * each step; leaving the loop early frees everything.
 *
 * Logits are computed for the running sequences only; the ids, or the logits where the host draws (see `createPicker`),
 * are read back once a step. A sequence's numbers do not depend on its neighbours; only a kernel that takes another
 * path for fewer rows may round differently.
 * @param prompts at least one, checked by `checkRequest`
 * @throws OptionError, LimitError before any work; what the signal was aborted with
 */
export async function* decode(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  {
    maxNewTokens,
    eosTokenId,
    seeds,
    signal,
    ...samplerOptions
  }: Omit<GenerateOptions, 'batchSize'> & { readonly seeds: readonly number[] },
): AsyncGenerator<NewToken[], void, undefined> {
  const picker = createPicker(model, prompts, seeds, samplerOptions);
  let decoding: Decoding | undefined;
  try {
    decoding = model.startDecoding(prompts, maxNewTokens);
    let running = [...prompts.keys()];
    let newest: Int32Array | undefined;
    for (let step = 1; ; step++) {
      signal?.throwIfAborted();
      markPhase(model.device, 'generation');
      const ids = await nextIds(model, decoding, newest, running, picker);
      yield running.map((prompt, i): NewToken => ({ prompt, id: ids[i] as number }));
      const going = [...ids.keys()].filter((i) => ids[i] !== eosTokenId);
      if (going.length === 0 || step === maxNewTokens) return;
      if (going.length < running.length) decoding.keep(going);
      running = going.map((i) => running[i] as number);
      newest = Int32Array.from(going, (i) => ids[i] as number);
    }
  } finally {
    decoding?.dispose();
    picker.dispose();
  }
}

/** Draws the next token of each running sequence. */
async function nextIds(
  model: LanguageModel,
  decoding: Decoding,
  newest: Int32Array | undefined,
  running: readonly number[],
  picker: TokenPicker,
): Promise<Int32Array> {
  const logits = tidy(() => headLogits(decoding.next(newest), model.head));
  try {
    return await picker.pick(logits, running);
  } finally {
    logits.dispose();
  }
}

/** @throws OptionError, LimitError naming the prompt that cannot be continued */
export function checkRequest(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  { maxNewTokens, batchSize, seeds }: GenerateOptions & { readonly seeds: readonly number[] },
): void {
  checkOption('generate', 'maxNewTokens', maxNewTokens, ranges.count);
  if (batchSize !== undefined) checkOption('generate', 'batchSize', batchSize, ranges.count);
  if (seeds.length !== prompts.length) {
    throw new OptionError(`generate: ${seeds.length} seeds for ${prompts.length} prompts, expected one a prompt.`, {
      found: seeds.length,
      expected: prompts.length,
    });
  }
  seeds.forEach((seed, index) => {
    checkOption('generate', `seeds[${index}]`, seed, ranges.seed);
  });
  prompts.forEach((prompt, index) => {
    if (prompt.length === 0) {
      throw new OptionError(
        `generate: prompt ${index} is empty, expected at least one token. Start it with BOS or EOS.`,
        {
          found: 0,
        },
      );
    }
    const outside = prompt.find((id) => id < 0 || id >= model.vocabSize);
    if (outside !== undefined) {
      throw new OptionError(
        `generate: prompt ${index} has the id ${outside}, the model's vocabulary has ${model.vocabSize}. ` +
          "Check that the tokenizer is the model's.",
        { found: outside, expected: model.vocabSize },
      );
    }
    const room = model.room(prompt.length);
    if (maxNewTokens > room) {
      throw new LimitError(
        `generate: prompt ${index} has ${prompt.length} tokens and leaves ${Math.max(0, room)} for the answer, with ` +
          `maxNewTokens ${maxNewTokens}; the model has ${model.maxPositions} positions. Cut the prompt, or lower maxNewTokens.`,
        { found: maxNewTokens, expected: room },
      );
    }
  });
}
