import { createModel, generate } from 'distillm';
import type { Setting } from '../frame/benchmark.ts';
import { decodeCases, timeDecoding } from './cases.ts';

export async function* decode({ device, size }: Setting) {
  for (const one of decodeCases[size]) {
    const how = { device, trainable: false, dtype: one.dtype ?? 'f32' } as const;
    const model = await createModel({ model_type: 'gpt2', ...one.model }, how);
    yield* timeDecoding(one, ({ prompts, newTokens, temperature }) =>
      generate(model, prompts, { maxNewTokens: newTokens, temperature }),
    );
    model.dispose();
  }
}
