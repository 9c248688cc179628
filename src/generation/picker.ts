/**
 * How the next token is drawn from logits: on the device where only the logits matter, on the host where the history
 * does.
 */
import type { LanguageModel } from '../models/model.js';
import { run, Tensor } from '../tensor/index.js';
import { createSampler, drawnId, type SamplerOptions, type SamplerSettings, samplerSettings } from '../text/sampler.js';

/** Draws the next token of each prompt that still runs. */
export interface TokenPicker {
  /**
   * logits [prompts.length, vocabSize] -> ids. `prompts` are the indices of the running prompts, in order.
   * @throws TrainingError when a row has NaN or +infinity or nothing left to draw
   */
  pick(logits: Tensor, prompts: readonly number[]): Promise<Int32Array>;
  dispose(): void;
}

/**
 * Plain sampling is drawn by the `sample` kernel, and only the ids are read back, 4 bytes a prompt: the same seed gives
 * the same tokens on every device unless a rounding decides. Options that look at the history or ban tokens need the
 * logits read back and the sampler of the host. Both mean the same but have different generators: with such an option
 * the same seed gives other draws.
 * @param sequences the prompts, a seed for each, and how many ids, from 0, may be drawn
 * @throws OptionError when an option is out of range
 */
export function createPicker(
  { device, vocabSize, startTokenId }: LanguageModel,
  sequences: { readonly prompts: readonly Int32Array[]; readonly seeds: readonly number[]; readonly drawable: number },
  options: SamplerOptions,
): TokenPicker {
  const { prompts, seeds, drawable } = sequences;
  const settings = samplerSettings(options);
  const { repetitionPenalty, noRepeatNgramSize, bannedTokens } = settings;
  const isPlain = repetitionPenalty === 1 && noRepeatNgramSize === 0 && bannedTokens.length === 0;
  if (isPlain) return devicePicker(device, sequences, settings);
  const sampler = createSampler(settings);
  // The history of an answer that is a sequence of its own has no prompt.
  const historyOf = (prompt: Int32Array) => (startTokenId === undefined ? prompt : Int32Array.of(startTokenId));
  const states = prompts.map((prompt, index) =>
    sampler.start({ seed: seeds[index] as number, tokens: historyOf(prompt) }),
  );
  return {
    async pick(logits, running) {
      const values = (await logits.read()) as Float32Array;
      return sampler.sample(
        firstColumns(values, vocabSize, drawable),
        running.map((prompt) => states[prompt] as (typeof states)[number]),
      );
    },
    dispose: () => sampler.dispose(),
  };
}

/** The first `kept` columns of a matrix. */
function firstColumns(values: Float32Array, columns: number, kept: number): Float32Array {
  if (kept === columns) return values;
  const rows = values.length / columns;
  const first = new Float32Array(rows * kept);
  for (let row = 0; row < rows; row++) {
    first.set(values.subarray(row * columns, row * columns + kept), row * kept);
  }
  return first;
}

function devicePicker(
  device: Tensor['device'],
  { seeds, drawable }: { readonly seeds: readonly number[]; readonly drawable: number },
  { temperature, topK, topP }: SamplerSettings,
): TokenPicker {
  /** Seeds of the prompts that run, low and high words: [prompts, 2]. */
  let words: Tensor | undefined;
  let step = 0;
  return {
    async pick(logits, running) {
      if (words?.shape[0] !== running.length) {
        words?.dispose();
        const halves = running.flatMap((prompt) => {
          const seed = seeds[prompt] as number;
          return [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
        });
        words = Tensor.from(device, Uint32Array.from(halves), [running.length, 2], 'generate.seeds');
      }
      // As f32 a tiny topP would be 0, which keeps nothing.
      const params = { temperature, topK, topP: Math.max(topP, 2 ** -126), step: step++, drawable };
      const { ids } = run(device, 'sample', { logits, seeds: words }, params);
      try {
        return Int32Array.from(await ids.read(), drawnId);
      } finally {
        ids.dispose();
      }
    },
    dispose: () => words?.dispose(),
  };
}
