/** A run of a second, for pages whose test is about something else: few records, small models. */
import { adaptiveOffPolicy, type Device, type LanguageModel, skewReverseKL } from 'distillm';
import type { DistillmWorker, Remote } from 'distillm/worker';

const records = Array.from({ length: 16 }, (_, i) => ({ instruction: `say ${i % 8}`, output: `${i % 8} ${i}` }));
const shape = { model_type: 'gpt2', vocab_size: 270, n_positions: 64, n_head: 2, n_embd: 16, n_layer: 1 };

export const method = {
  ...{ loss: skewReverseKL(), sgo: adaptiveOffPolicy({ initThreshold: 0.6, capacity: 8 }) },
  maxNewTokens: 4,
};

/** What a run takes besides its teacher. */
export async function prepared(distillm: DistillmWorker, device: Remote<Device>) {
  const texts = records.map(({ instruction, output }) => `${instruction} ${output}`);
  const tokenizer = await distillm.trainTokenizer(texts, { vocabSize: 270, specialTokens: { eos: '<eos>' } });
  const data = await distillm.readInstructions(records, { tokenizer, template: 'compact', validation: 2 });
  const student = await distillm.createModel(shape, { device, seed: 2 });
  return { tokenizer, data, student };
}

export const newTeacher = (distillm: DistillmWorker, device: Remote<Device>) =>
  distillm.createModel(shape, { device, seed: 1, trainable: false });

/** Of a model's weights, by name. */
export async function bitsOf(model: Remote<LanguageModel>): Promise<Record<string, number[]>> {
  const bits: Record<string, number[]> = {};
  for (const [name, tensor] of await model.parameters) {
    bits[name] = [...new Uint32Array(((await tensor.read()) as Float32Array).buffer)];
  }
  return bits;
}
