import { DataError } from '../errors.js';
import type { EncodeOptions, Tokenizer } from '../text/index.js';
import type { Sample } from './batch.js';
import type { Instruction } from './instructions.js';
import type { PromptFields, PromptTemplate } from './template.js';

/** How what models are trained on and prompted with is encoded: no BOS, and special tokens in a text are text. */
export const plainEncoding: EncodeOptions = { addSpecialTokens: false, allowedSpecial: 'none' };

export interface EncodeInstructionOptions {
  readonly tokenizer: Tokenizer;
  readonly template: PromptTemplate;
  /** Tokens. A longer prompt loses the end of its input, then of its instruction; the template stays whole. */
  readonly maxPromptLength: number;
  /** Tokens of prompt, response and EOS. A longer sequence loses its end, EOS included. */
  readonly maxLength: number;
}

/** An instruction as the trainer takes it. */
export interface Example extends Sample, Instruction {
  /** The prompt's text, as cut. */
  readonly prompt: string;
  /** The answers that ROUGE-L compares with. */
  readonly references: readonly string[];
  readonly promptCut: boolean;
  readonly responseCut: boolean;
}

/**
 * Tokens of prompt and response as one string, split at the prompt's length, EOS at the end, no BOS (as the official
 * code does it). Where a token would straddle the split, the two are tokenized apart: what is trained on must begin
 * with exactly the ids that generation is prompted with.
 * @throws DataError when the template alone exceeds maxPromptLength, or the tokenizer has no EOS.
 */
export function encodeInstruction(instruction: Instruction, options: EncodeInstructionOptions): Example {
  const { tokenizer, maxLength } = options;
  const { eosTokenId } = tokenizer;
  if (eosTokenId === undefined) {
    throw new DataError('The tokenizer has no EOS token: the student could not learn to stop. Add one to its files.');
  }
  const { prompt, ids: promptIds, cut } = fitPrompt(instruction, options);
  const encode = (text: string) => tokenizer.encode(text, plainEncoding);
  const [response] = instruction.outputs;
  const whole = encode(prompt + response);
  const responseIds = promptIds.every((id, i) => whole[i] === id) ? whole.subarray(promptIds.length) : encode(response);
  const ids = new Int32Array(promptIds.length + responseIds.length + 1);
  ids.set(promptIds);
  ids.set(responseIds, promptIds.length);
  ids[ids.length - 1] = eosTokenId;
  return {
    ...instruction,
    prompt,
    references: instruction.outputs,
    ids: ids.subarray(0, maxLength),
    promptLength: promptIds.length,
    promptCut: cut,
    responseCut: ids.length > maxLength,
  };
}

/** Renders the template, cutting the input and then the instruction until the prompt fits. */
function fitPrompt(
  { instruction, input }: PromptFields,
  { tokenizer, template, maxPromptLength }: EncodeInstructionOptions,
): { prompt: string; ids: Int32Array; cut: boolean } {
  const encode = (text: string) => tokenizer.encode(text, plainEncoding);
  const fields = { instruction, input };
  for (let cut = false; ; cut = true) {
    const prompt = template.render(fields);
    const ids = encode(prompt);
    const excess = ids.length - maxPromptLength;
    if (excess <= 0) return { prompt, ids, cut };
    const part = fields.input ? 'input' : 'instruction';
    if (fields[part] === '') {
      throw new DataError(
        `The template '${template.name}' alone takes ${ids.length} tokens, maxPromptLength is ${maxPromptLength}. Raise it.`,
        { found: ids.length, expected: maxPromptLength },
      );
    }
    fields[part] = shorten(fields[part], excess, tokenizer, encode);
  }
}

/** The text without its last `tokens` tokens and without half a character. */
function shorten(text: string, tokens: number, tokenizer: Tokenizer, encode: (text: string) => Int32Array): string {
  const ids = encode(text);
  const stream = tokenizer.stream();
  const kept = stream.push(ids.subarray(0, Math.max(0, ids.length - tokens)));
  // Tokens at the seams can merge otherwise in the shorter text: it must get shorter every time.
  return kept.length < text.length ? kept.trimEnd() : text.slice(0, -1);
}
