import type { Device } from '../../src/backend/backend.js';
import type { Sample } from '../../src/data/batch.js';
import type { StepEvent, TrainingEvent, ValidationEvent } from '../../src/distill/trainer/index.js';
import { createModel, type LanguageModel } from '../../src/models/index.js';
import { createTokenizer, type Tokenizer } from '../../src/text/index.js';

/** Eleven letters; 'k' asks, EOS ends. */
export const letters = [...'abcdefghijk'];
export const eos = letters.length;
export const vocabSize = letters.length + 1;
const ask = letters.indexOf('k');

export const tinyTokenizer = (names: readonly string[] = letters): Tokenizer =>
  createTokenizer({
    vocab: Object.fromEntries(names.map((name, id) => [name, id])),
    merges: [],
    specialTokens: { eos: '<eos>' },
  });

/** A GPT-2 of a few hundred weights, without dropout. */
export const tinyModel = (
  device: Device,
  {
    seed = 1,
    width = 8,
    ...config
  }: { seed?: number; width?: number; trainable?: boolean } & Record<string, unknown> = {},
): Promise<LanguageModel> => {
  const { trainable = true, ...rest } = config;
  const shape = { vocab_size: vocabSize, n_positions: 16, n_embd: width, n_layer: 1, n_head: 2 };
  const plain = { model_type: 'gpt2', embd_pdrop: 0, resid_pdrop: 0, attn_pdrop: 0, initializer_range: 0.3 };
  return createModel({ ...plain, ...shape, ...rest }, { device, seed, trainable: trainable as boolean });
};

/** A T5 of about as many, without dropout. */
export const tinyT5 = (
  device: Device,
  { seed, trainable, ...config }: { seed: number; trainable: boolean } & Record<string, unknown>,
): Promise<LanguageModel> => {
  const shape = {
    model_type: 't5',
    vocab_size: vocabSize,
    d_model: 16,
    d_kv: 8,
    d_ff: 24,
    num_layers: 1,
    num_heads: 2,
  };
  const tokens = { eos_token_id: eos, decoder_start_token_id: eos };
  const plain = { ...shape, ...tokens, relative_attention_num_buckets: 8, dropout_rate: 0 };
  return createModel({ ...plain, ...config }, { device, seed, trainable });
};

/** The task: after "xk", say the next `length` letters (a follows j), then stop. */
export function succession(length: number): Sample[] {
  return Array.from({ length: 10 }, (_, x) => {
    const answer = Array.from({ length }, (_, i) => (x + 1 + i) % 10);
    return { ids: Int32Array.of(x, ask, ...answer, eos), promptLength: 2 };
  });
}

export async function collect(run: AsyncIterable<TrainingEvent>): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

export const stepsOf = (events: readonly TrainingEvent[]) =>
  events.filter((event): event is StepEvent => event.type === 'step');
export const validationsOf = (events: readonly TrainingEvent[]) =>
  events.filter((event): event is ValidationEvent => event.type === 'validation');

/** What two runs that do the same have alike: what each step was taught by, and all numbers. */
export const numbersOf = (events: readonly TrainingEvent[]) => ({
  sources: stepsOf(events).map(({ source, lossTokens }) => `${source} ${lossTokens}`),
  losses: [...stepsOf(events), ...validationsOf(events)].map(({ loss }) => loss!),
  norms: stepsOf(events).map(({ gradNorm }) => gradNorm),
});

/** All weights of a model, one after the other. */
export async function weightsOf(model: LanguageModel): Promise<number[]> {
  const weights: number[] = [];
  for (const parameter of model.parameters.values()) weights.push(...(await parameter.read()));
  return weights;
}
