import { createModel, generate, type LanguageModel } from 'distillm';
import type { Setting } from '../frame/benchmark.ts';
import { llamaConfig } from '../frame/smolLM2.ts';
import { type Decode, decodeCases, timeDecoding } from './cases.ts';
import { smolLM2Cases, storedBits } from './smolLM2.ts';

export async function* decode({ device, size }: Setting) {
  for (const one of decodeCases[size]) {
    const how = { device, trainable: false, dtype: one.dtype ?? 'f32' } as const;
    const model = await createModel({ model_type: 'gpt2', ...one.model }, how);
    yield* timeDecoding({ ...one, vocab: one.model.vocab_size }, decoder(model));
    model.dispose();
  }
}

export async function* decodeSmolLM2({ device, size }: Setting) {
  for (const one of smolLM2Cases[size]) {
    const how = { device, trainable: false, dtype: storedBits[one.bits].dtype };
    const model = await createModel(llamaConfig(one.model), how);
    yield* timeDecoding({ ...one, vocab: one.model.vocab_size }, decoder(model));
    model.dispose();
  }
}

const decoder =
  (model: LanguageModel): Decode =>
  ({ prompts, newTokens, temperature }) =>
    generate(model, prompts, { maxNewTokens: newTokens, temperature });
