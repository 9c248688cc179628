import { createModel, type Device, type LanguageModel, type Sample } from 'distillm';
import { tokenAt } from '../frame/measure.ts';
import { type Depth, headsOf, type TrainingShape } from './shapes.ts';

/** A step drops the first ones: pipelines are compiled in them. */
export const warmup = 4;

interface Course {
  readonly teacher: LanguageModel;
  readonly student: LanguageModel;
  /** One batch. Every token but the first of a sequence counts in the loss; of an encoder-decoder, those of its answers. */
  readonly data: readonly Sample[];
  readonly dispose: () => void;
}

/** The config.json of one of the models. */
const configs = {
  gpt2: ({ positions, vocab, shrink }: TrainingShape, { layers, width }: Depth) => ({
    ...{ model_type: 'gpt2', resid_pdrop: 0, embd_pdrop: 0, attn_pdrop: 0 },
    ...{ n_positions: positions, vocab_size: vocab },
    ...{ n_layer: layers, n_embd: width / shrink, n_head: headsOf({ width }) },
  }),
  llama: ({ positions, vocab, shrink }: TrainingShape, { layers, width }: Depth) => ({
    ...{ model_type: 'llama', max_position_embeddings: positions, vocab_size: vocab, tie_word_embeddings: true },
    ...{ num_hidden_layers: layers, hidden_size: width / shrink, intermediate_size: (7 * width) / (3 * shrink) },
    ...{ num_attention_heads: headsOf({ width }), num_key_value_heads: headsOf({ width }) / 3 },
  }),
  t5: ({ vocab, shrink }: TrainingShape, { layers, width }: Depth) => ({
    ...{ model_type: 't5', vocab_size: vocab, dropout_rate: 0, feed_forward_proj: 'gated-gelu' },
    ...{ num_layers: layers, d_model: width / shrink, d_ff: (11 * width) / (4 * shrink) },
    ...{ num_heads: headsOf({ width }), d_kv: 64 / shrink, eos_token_id: endTokenId },
  }),
};
/** What a T5 reads behind each prompt: the prompts end with it. */
const endTokenId = 1;

/** Models of random weights, and a batch for them. */
export async function createCourse(device: Device, shape: TrainingShape): Promise<Course> {
  const { batchSize, length, vocab, family } = shape;
  const config = (depth: Depth) => configs[family](shape, depth);
  const promptLength = family === 't5' ? length / 2 : 1;
  const idOf = (row: number, t: number) =>
    family === 't5' && t === promptLength - 1 ? endTokenId : tokenAt(row, t, vocab);
  const teacher = await createModel(config(shape.teacher), { device, trainable: false });
  const student = await createModel(config(shape.student), { device, seed: 1 });
  const data = Array.from({ length: batchSize }, (_, row) => ({
    ids: Int32Array.from({ length }, (_, t) => idOf(row, t)),
    promptLength,
  }));
  const dispose = () => {
    for (const model of [teacher, student]) model.dispose();
  };
  return { teacher, student, data, dispose };
}
