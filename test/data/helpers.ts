import { type Tokenizer, trainTokenizer } from '../../src/text/index.js';

/** A small real tokenizer: byte-level, so it takes any text. */
export function smallTokenizer(): Tokenizer {
  const text =
    'Below is an instruction. Write a response. ### Instruction: ### Input: ### Response: the cat sat on the mat';
  return trainTokenizer([text, text], { vocabSize: 300, specialTokens: { eos: '<|endoftext|>' } });
}
