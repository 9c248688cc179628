/** What all models of the demo share: sizes, lengths, template and tokenizer. */
import { type Example, encodeInstruction, promptTemplates, type Tokenizer, trainTokenizer } from 'distillm';
import type { TaskRecord } from './task/record.ts';

/** Tokens of a whole sequence and of its prompt: the longest dialogue fits. */
export const maxLength = 128;
export const maxPromptLength = 96;
export const maxNewTokens = maxLength - maxPromptLength;
const vocabSize = 512;
/** What a prompt looks like, to the teacher and to its students. */
export const template = promptTemplates.compact;

const gpt2 = {
  model_type: 'gpt2',
  vocab_size: vocabSize,
  n_positions: maxLength,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
};
export const teacherConfig = { ...gpt2, n_embd: 128, n_layer: 4, n_head: 4 };
export const studentConfig = { ...gpt2, n_embd: 64, n_layer: 2, n_head: 4 };

/** A BPE vocabulary trained on the teacher's pairs. */
export function makeTokenizer(records: readonly TaskRecord[]): Tokenizer {
  const texts = records.map((record) => template.render(record) + record.output);
  return trainTokenizer(texts, { vocabSize, specialTokens: { eos: '<|endoftext|>' } });
}

export const encodeRecords = (records: readonly TaskRecord[], tokenizer: Tokenizer): Example[] =>
  records.map(({ output, ...fields }) =>
    encodeInstruction({ ...fields, outputs: [output] }, { tokenizer, template, maxPromptLength, maxLength }),
  );

/** Held-out pairs in two: those that a run validates on, and those that only the final scores see. */
export function splitHeldOut(heldOut: readonly TaskRecord[], tokenizer: Tokenizer) {
  const examples = encodeRecords(heldOut, tokenizer);
  return { validation: examples.slice(0, 100), test: examples.slice(100) };
}
