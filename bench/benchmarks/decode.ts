import { createModel, generate } from 'distillm';
import { type DecodeCase, gpt2Small, gpt2SmallStored, smallStudent, timeDecoding } from '../decodeCases.ts';
import type { Setting } from './benchmark.ts';

const cases: Readonly<Record<Setting['size'], readonly DecodeCase[]>> = {
  full: [gpt2Small, ...gpt2SmallStored, smallStudent],
  small: [smallStudent],
  tiny: [{ ...smallStudent, batches: [2], timedTokens: 32 }],
};

export async function* decode({ device, size }: Setting) {
  for (const one of cases[size]) {
    const how = { device, trainable: false, dtype: one.dtype ?? 'f32' } as const;
    const model = await createModel({ model_type: 'gpt2', ...one.model }, how);
    yield* timeDecoding(one, ({ prompts, newTokens, temperature }) =>
      generate(model, prompts, { maxNewTokens: newTokens, temperature }),
    );
    model.dispose();
  }
}
