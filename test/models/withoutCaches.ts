import type { LanguageModel } from '../../src/models/index.js';
import { headLogits, tidy } from '../../src/tensor/index.js';

/**
 * Greedy decoding of an encoder-decoder that runs encoder and decoder on everything, one token after the other. Ends behind
 * `eos` or `maxNewTokens`.
 */
export async function withoutCaches(
  model: LanguageModel,
  prompt: Int32Array,
  { eos, maxNewTokens }: { readonly eos: number; readonly maxNewTokens: number },
): Promise<number[]> {
  const answer: number[] = [];
  while (answer.length < maxNewTokens && answer.at(-1) !== eos) {
    // What the last position reads is the token before it, so any token may stand there.
    const ids = Int32Array.of(...prompt, ...answer, 0);
    const batch = model.collate([{ ids, promptLength: prompt.length }]);
    const logits = tidy(() => headLogits(model.forward(batch), model.head));
    // Rows behind the answer are padding.
    const at = answer.length * model.vocabSize;
    const last = [...(await logits.read()).slice(at, at + model.vocabSize)];
    logits.dispose();
    answer.push(last.indexOf(Math.max(...last)));
  }
  return answer;
}
