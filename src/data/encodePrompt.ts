/**
 * A prompt as token ids. Training samples, evaluation and the command line all come through here, so that a model is
 * prompted with exactly the ids that it was trained on.
 */
import * as z from 'zod';
import { OptionError } from '../errors.js';
import { isPlainObject } from '../inWords.js';
import { refusedOption } from '../requireOption.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import { askingTemplate } from './askingTemplate.js';
import { type ChatPrompt, messagesOf } from './chat/messages.js';
import { fitPrompt } from './fitPrompt.js';
import { Problem } from './jsonLine.js';
import { type PromptFields, type TemplateChoice, templateOption } from './template.js';

/** How a prompt is rendered, encoded and cut. */
export interface PromptOptions {
  /** The model's. */
  readonly tokenizer: Tokenizer;
  /**
   * A template or its name: the one that the model was trained with (see `savedTemplate`), 'chat' being the tokenizer's.
   * Default: the tokenizer's chat template, where it has one, else 'alpaca'.
   */
  readonly template?: TemplateChoice | undefined;
  /**
   * Tokens. A longer prompt loses the end of its input, then of its instruction; the template stays whole. Default: no
   * limit.
   */
  readonly maxPromptLength?: number | undefined;
}

/** Takes the fields of a prompt that is an instruction. */
const promptFields = z.strictObject({
  instruction: ranges.text,
  input: z.string('some text, or nothing').optional(),
  prefix: z.string('some text, or nothing').optional(),
} satisfies Fields<PromptFields>);

/**
 * The fields of a prompt: an instruction, or the messages of a conversation whose last is to be answered.
 * @throws OptionError
 */
export function checkPrompt(where: string, prompt: unknown): PromptFields | ChatPrompt {
  if (!isPlainObject(prompt) || !Object.hasOwn(prompt, 'messages')) {
    const { input, instruction, prefix } = checkOptions(where, promptFields, prompt);
    return { instruction, ...(input !== undefined && { input }), ...(prefix !== undefined && { prefix }) };
  }
  const { messages, ...others } = prompt;
  const [other] = Object.keys(others);
  if (other !== undefined) throw refusedOption(where, other, others[other], 'messages alone');
  const checked = messagesOf('messages', messages, 'user');
  if (!(checked instanceof Problem)) return { messages: checked };
  throw new OptionError(`${where}${checked.text}.`, { option: 'messages', found: messages });
}

const promptOptions = z.strictObject({
  tokenizer: tokenizerOption,
  template: templateOption.optional(),
  maxPromptLength: ranges.count.default(Number.MAX_SAFE_INTEGER),
} satisfies Fields<PromptOptions>);

/**
 * Token ids of an instruction, or of a conversation, in its template, the same as in training: no BOS but the template's,
 * not even where the tokenizer would put one (OPT), and special tokens that are spelt out in the fields are encoded as plain text.
 * @returns ids [promptLength], for `generate` and `streamTokens`
 * @example
 * const template = await savedTemplate('./runs/dolly/best');
 * const prompt = encodePrompt({ instruction: 'Name three colours.' }, { tokenizer, template });
 * const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
 * const [answer] = await generate(student, [prompt], { maxNewTokens: 50, eosTokenId, vocabSize });
 * @throws OptionError for other fields (Dolly's `context` is the input here), unknown and wrong options, and for messages
 * without a chat template; DataError when the template alone exceeds maxPromptLength, or refuses the messages
 */
export function encodePrompt(prompt: PromptFields | ChatPrompt, options: PromptOptions): Int32Array {
  const where = 'encodePrompt';
  const fields = checkPrompt(where, prompt);
  const { tokenizer, template, maxPromptLength } = checkOptions(where, promptOptions, options);
  return fitPrompt(fields, { tokenizer, template: askingTemplate(where, template, tokenizer), maxPromptLength }).ids;
}
