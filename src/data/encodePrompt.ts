/**
 * A prompt as token ids. Training samples, evaluation and the command line all come through here, so that a model is
 * prompted with exactly the ids that it was trained on.
 */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import { type EncodeOptions, type Tokenizer, tokenizerOption } from '../text/index.js';
import {
  type PromptFields,
  type PromptTemplate,
  resolveTemplate,
  type TemplateChoice,
  templateOption,
} from './template.js';

/** How a prompt is rendered, encoded and cut. */
export interface PromptOptions {
  /** The model's. */
  readonly tokenizer: Tokenizer;
  /** A template or its name: the one that the model was trained with (see `savedTemplate`). Default 'alpaca'. */
  readonly template?: TemplateChoice | undefined;
  /**
   * Tokens. A longer prompt loses the end of its input, then of its instruction; the template stays whole. Default: no
   * limit.
   */
  readonly maxPromptLength?: number | undefined;
}

/** Takes the fields of a prompt. */
export const promptFields = z.strictObject({
  instruction: ranges.text,
  input: z.string('some text, or nothing').optional(),
} satisfies Fields<PromptFields>);
const promptOptions = z.strictObject({
  tokenizer: tokenizerOption,
  template: templateOption.optional(),
  maxPromptLength: ranges.count.default(Number.MAX_SAFE_INTEGER),
} satisfies Fields<PromptOptions>);

/**
 * Token ids of an instruction in its template, the same as in training: no BOS, not even where the tokenizer would put
 * one (OPT), and special tokens that are spelt out in the fields are encoded as plain text.
 * @returns ids [promptLength], for `generate` and `streamTokens`
 * @example
 * const template = await savedTemplate('./runs/dolly/best');
 * const prompt = encodePrompt({ instruction: 'Name three colours.' }, { tokenizer, template });
 * const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
 * const [answer] = await generate(student, [prompt], { maxNewTokens: 50, eosTokenId, vocabSize });
 * @throws OptionError for other fields (Dolly's `context` is the input here), unknown and wrong options; DataError when the template alone exceeds maxPromptLength
 */
export function encodePrompt(fields: PromptFields, options: PromptOptions): Int32Array {
  const where = 'encodePrompt';
  checkOptions(where, promptFields, fields);
  const { tokenizer, template, maxPromptLength } = checkOptions(where, promptOptions, options);
  return fitPrompt(fields, { tokenizer, template: resolveTemplate(where, template), maxPromptLength }).ids;
}

/** How all text that models are trained on and prompted with is encoded: no BOS; special tokens in a text are text. */
export const plainEncoding: EncodeOptions = { addSpecialTokens: false, allowedSpecial: 'none' };

/** A rendered prompt that keeps to a length. */
export interface FittedPrompt {
  /** The prompt's text, as cut. */
  readonly prompt: string;
  readonly ids: Int32Array;
  readonly cut: boolean;
}

/** Renders the template, cutting the input and then the instruction until the prompt fits. @throws DataError */
export function fitPrompt(
  { instruction, input = '' }: PromptFields,
  { tokenizer, template, maxPromptLength }: { tokenizer: Tokenizer; template: PromptTemplate; maxPromptLength: number },
): FittedPrompt {
  const fields = { instruction, input };
  for (let cut = false; ; cut = true) {
    const prompt = template.render(fields);
    const ids = tokenizer.encode(prompt, plainEncoding);
    const excess = ids.length - maxPromptLength;
    if (excess <= 0) return { prompt, ids, cut };
    const field = fields.input ? 'input' : 'instruction';
    if (fields[field] === '') {
      throw new DataError(
        `The template '${template.name}' alone takes ${ids.length} tokens, maxPromptLength is ${maxPromptLength}. Raise it.`,
        { found: ids.length, expected: maxPromptLength },
      );
    }
    fields[field] = shorten(fields[field], excess, tokenizer);
  }
}

/** The text without its last `tokens` tokens and without half a character. */
function shorten(text: string, tokens: number, tokenizer: Tokenizer): string {
  const ids = tokenizer.encode(text, plainEncoding);
  const stream = tokenizer.stream();
  const kept = stream.push(ids.subarray(0, Math.max(0, ids.length - tokens)));
  // The shorter text may be tokenized otherwise at its new end, and to as many tokens. It must get shorter each time.
  return kept.length < text.length ? kept.trimEnd() : text.slice(0, -1);
}
