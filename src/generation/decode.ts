/**
 * The loop that answers prompts: one token each a step, until every sequence has ended. It knows no cache and no
 * padding; those are the model's (`Decoding`).
 */
import { markPhase } from '../backend/profile.js';
import type { Decoding, LanguageModel } from '../models/model.js';
import { headLogits, tidy } from '../tensor/index.js';
import { type DecodeOptions, endsOf } from './options.js';
import { createPicker, type TokenPicker } from './picker.js';

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
 * @param prompts at least one. They and the options have been checked: see options.ts
 * @param stopped prompts that need no more tokens; the caller adds to it between two steps
 * @throws what the signal was aborted with
 */
export async function* decode(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  { maxNewTokens, eosTokenId, vocabSize = model.vocabSize, seeds, signal, ...samplerOptions }: DecodeOptions,
  stopped: ReadonlySet<number> = new Set(),
): AsyncGenerator<NewToken[], void, undefined> {
  const ends = new Set(endsOf(eosTokenId));
  const picker = createPicker(model, { prompts, seeds, drawable: vocabSize }, samplerOptions);
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
      const going = [...ids.keys()].filter((i) => !ends.has(ids[i] as number) && !stopped.has(running[i] as number));
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
