import { markPhase } from '../backend/profile.js';
import type { TokenBatch } from '../data/batch.js';
import { LimitError, OptionError } from '../errors.js';
import type { KVCache, LanguageModel } from '../models/model.js';
import { checkInteger, checkSeed, optionChecker } from '../optionChecker.js';
import { headLogits, type LayerCache, rows, run, Tensor, tidy } from '../tensor/index.js';
import type { SamplerOptions } from '../text/sampler.js';
import { createPicker, type TokenPicker } from './picker.js';

const checkOption = optionChecker('generate');

export interface GenerateOptions extends SamplerOptions {
  /** At most so many tokens a prompt; prompt and new tokens together must fit the model's positions. */
  readonly maxNewTokens: number;
  /** Ends a sequence, and is its last id. Without it every sequence gets maxNewTokens. */
  readonly eosTokenId?: number | undefined;
  /**
   * One a prompt, integers from 0 to 2^53 - 1; 0, 1, 2 ... by default. Unused at temperature 0. WebGPU draws other tokens
   * than WASM from the same seed, with the same probabilities.
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

/** A sequence that is not finished. */
interface Running {
  readonly prompt: number;
  /** Its row in the cache and its first position there, after the padding. */
  row: number;
  readonly first: number;
  last: number;
}

/**
 * Decodes all prompts side by side, one token each a step, until every sequence has ended. Yields the new tokens of
 * each step; leaving the loop early frees everything.
 *
 * Prompts are padded on the left to the longest, so the newest position is the same in every row. Logits are computed
 * for the running rows only; they, or on WebGPU the ids alone (see `createPicker`), are read back once a step. Once at
 * most half of the rows run, the others leave the cache; a row's numbers do not depend on its neighbours, only a kernel
 * that takes another path for fewer rows may round differently.
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
  const longest = Math.max(...prompts.map(({ length }) => length));
  const picker = createPicker(model, prompts, seeds, samplerOptions);
  let cache: KVCache | undefined;
  try {
    // The last new token is never fed back, so it needs no place.
    cache = model.createCache(prompts.length, longest + maxNewTokens - 1);
    let running = prompts.map(
      ({ length }, prompt): Running => ({ prompt, row: prompt, first: longest - length, last: 0 }),
    );
    let batch = padLeft(prompts, longest);
    let firsts = Int32Array.from(running, ({ first }) => first);
    for (let step = 1; ; step++) {
      signal?.throwIfAborted();
      markPhase(model.device, 'generation');
      const ids = await nextIds(model, batch, cache, running, picker);
      const tokens = running.map(({ prompt }, i): NewToken => ({ prompt, id: ids[i] as number }));
      running.forEach((sequence, i) => {
        sequence.last = ids[i] as number;
      });
      yield tokens;
      running = running.filter(({ last }) => last !== eosTokenId);
      if (running.length === 0 || step === maxNewTokens) return;

      if (2 * running.length <= firsts.length) {
        const kept = keepRows(
          model,
          cache,
          running.map(({ row }) => row),
        );
        cache.dispose();
        cache = kept;
        firsts = Int32Array.from(running, ({ first }) => first);
        running.forEach((sequence, row) => {
          sequence.row = row;
        });
      }
      const next = new Int32Array(firsts.length);
      for (const { row, last } of running) next[row] = last;
      const end = cache.past + 1;
      const keyRange = Int32Array.from({ length: 2 * firsts.length }, (_, i) =>
        i % 2 ? end : (firsts[i / 2] as number),
      );
      batch = { batch: firsts.length, seq: 1, ids: next, keyRange };
    }
  } finally {
    cache?.dispose();
    picker.dispose();
  }
}

/** Draws from the logits of the newest position of the running rows, [running, vocabSize]. */
async function nextIds(
  model: LanguageModel,
  batch: TokenBatch,
  cache: KVCache,
  running: readonly Running[],
  picker: TokenPicker,
): Promise<Int32Array> {
  const logits = tidy(() => {
    const hidden = model.forward(batch, { cache });
    const newest = Int32Array.from(running, ({ row }) => (row + 1) * batch.seq - 1);
    const ids = Tensor.from(model.device, newest, [newest.length], 'generate.newest');
    return headLogits(run(model.device, 'embedding', { table: rows(hidden), ids }, {}).y, model.head);
  });
  try {
    return await picker.pick(
      logits,
      running.map(({ prompt }) => prompt),
    );
  } finally {
    logits.dispose();
  }
}

/** A cache of some rows of another. */
function keepRows(model: LanguageModel, cache: KVCache, kept: readonly number[]): KVCache {
  const smaller = model.createCache(kept.length, cache.capacity);
  smaller.past = cache.past;
  cache.layers.forEach(({ keys, values }, layer) => {
    const target = smaller.layers[layer] as LayerCache;
    for (const [from, to] of [
      [keys, target.keys],
      [values, target.values],
    ] as const) {
      const rowBytes = (4 * from.size) / (from.shape[0] as number);
      kept.forEach((row, i) => {
        model.device.copy(from.storage, row * rowBytes, to.storage, i * rowBytes, rowBytes);
      });
    }
  });
  return smaller;
}

function padLeft(prompts: readonly Int32Array[], seq: number): TokenBatch {
  const ids = new Int32Array(prompts.length * seq);
  const keyRange = new Int32Array(2 * prompts.length);
  prompts.forEach((prompt, row) => {
    ids.set(prompt, (row + 1) * seq - prompt.length);
    keyRange.set([seq - prompt.length, seq], 2 * row);
  });
  return { batch: prompts.length, seq, ids, keyRange };
}

/** @throws OptionError, LimitError naming the prompt that cannot be continued */
export function checkRequest(
  model: LanguageModel,
  prompts: readonly Int32Array[],
  { maxNewTokens, batchSize, seeds }: GenerateOptions & { readonly seeds: readonly number[] },
): void {
  checkInteger(checkOption, 'maxNewTokens', maxNewTokens, 1);
  if (batchSize !== undefined) checkInteger(checkOption, 'batchSize', batchSize, 1);
  if (seeds.length !== prompts.length) {
    throw new OptionError(`generate: ${seeds.length} seeds for ${prompts.length} prompts, expected one a prompt.`, {
      found: seeds.length,
      expected: prompts.length,
    });
  }
  seeds.forEach((seed, index) => {
    checkSeed(checkOption, `seeds[${index}]`, seed);
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
    const needed = prompt.length + maxNewTokens;
    if (needed > model.maxPositions) {
      throw new LimitError(
        `generate: prompt ${index} has ${prompt.length} tokens, with ${maxNewTokens} new ones ${needed}; the model has ` +
          `${model.maxPositions} positions. Cut the prompt, or lower maxNewTokens.`,
        { found: needed, expected: model.maxPositions },
      );
    }
  });
}
