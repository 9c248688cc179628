/**
 * The loop that answers prompts: one token each a step, until every sequence has ended. It knows no cache and no
 * padding; those are the model's (`Decoding`).
 */
import { markPhase } from '../backend/profile.js';
import type { Decoding, LanguageModel } from '../models/model.js';
import { randomSeed, randomUniform } from '../random.js';
import { headLogits, tidy } from '../tensor/index.js';
import { type DecodeOptions, endsOf } from './options.js';
import { createPicker, type TokenPicker } from './picker.js';

/** A new token of one of the prompts. */
interface NewToken {
  readonly prompt: number;
  readonly id: number;
}

/**
 * A second model that draws a share of the tokens. A token that either of two models draws, the second with probability
 * `share`, is a draw from the mixture of both distributions.
 */
export interface Partner {
  readonly model: LanguageModel;
  readonly share: number;
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
 * @param partner of the same vocabulary and on the same device
 * @throws what the signal was aborted with
 */
export async function* decode(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  { maxNewTokens, eosTokenId, vocabSize = model.vocabSize, seeds, signal, ...samplerOptions }: DecodeOptions,
  { stopped = new Set(), partner }: { readonly stopped?: ReadonlySet<number>; readonly partner?: Partner } = {},
): AsyncGenerator<NewToken[], void, undefined> {
  const ends = new Set(endsOf(eosTokenId));
  const start = (writer: LanguageModel, seeds: readonly number[]) =>
    startWriter(
      writer,
      { prompts, maxNewTokens },
      createPicker(writer, { prompts, seeds, drawable: vocabSize }, samplerOptions),
    );
  const writers: Writer[] = [];
  try {
    writers.push(start(model, seeds));
    if (partner)
      writers.push(
        start(
          partner.model,
          seeds.map((seed) => randomSeed(seed, 'partner', 0)),
        ),
      );
    let running = [...prompts.keys()];
    let newest: Int32Array | undefined;
    for (let step = 1; ; step++) {
      signal?.throwIfAborted();
      markPhase(model.device, 'generation');
      const drawn: Int32Array[] = [];
      for (const writer of writers) drawn.push(await writer.next(newest, running));
      const isPartners = (i: number) =>
        partner !== undefined && randomUniform(seeds[running[i] as number] as number, 'partner', step) < partner.share;
      const ids = (drawn[0] as Int32Array).map((id, i) =>
        isPartners(i) ? ((drawn[1] as Int32Array)[i] as number) : id,
      );
      yield running.map((prompt, i): NewToken => ({ prompt, id: ids[i] as number }));
      const going = [...ids.keys()].filter((i) => !ends.has(ids[i] as number) && !stopped.has(running[i] as number));
      if (going.length === 0 || step === maxNewTokens) return;
      if (going.length < running.length) for (const writer of writers) writer.keep(going);
      running = going.map((i) => running[i] as number);
      newest = Int32Array.from(going, (i) => ids[i] as number);
    }
  } finally {
    for (const writer of writers) writer.dispose();
  }
}

/** A model at work on the prompts. */
interface Writer {
  /** Draws the next token of each running sequence, which got these ids last. */
  next(newest: Int32Array | undefined, running: readonly number[]): Promise<Int32Array>;
  keep(indices: readonly number[]): void;
  dispose(): void;
}

function startWriter(
  model: LanguageModel,
  { prompts, maxNewTokens }: { readonly prompts: readonly Int32Array[]; readonly maxNewTokens: number },
  picker: TokenPicker,
): Writer {
  let decoding: Decoding;
  try {
    decoding = model.startDecoding(prompts, maxNewTokens);
  } catch (error) {
    picker.dispose();
    throw error;
  }
  return {
    async next(newest, running) {
      const logits = tidy(() => headLogits(decoding.next(newest), model.head));
      try {
        return await picker.pick(logits, running);
      } finally {
        logits.dispose();
      }
    },
    keep: (indices) => decoding.keep(indices),
    dispose() {
      decoding.dispose();
      picker.dispose();
    },
  };
}
