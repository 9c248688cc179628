/**
 * Rendering a prompt within a length. It makes no chat template: reading data needs no interpreter of Jinja, which
 * `encodePrompt` may.
 */
import { DataError } from '../errors.js';
import type { Tokenizer } from '../text/index.js';
import { fitChatPrompt } from './chat/encodeConversation.js';
import { isChatTemplate, needsChatTemplate } from './chat/isChatTemplate.js';
import { type ChatPrompt, spoken } from './chat/messages.js';
import { plainEncoding, shorten } from './shorten.js';
import type { PromptFields, PromptTemplate } from './template.js';

/** A rendered prompt that keeps to a length. */
export interface FittedPrompt {
  /** The prompt's text, as cut. */
  readonly prompt: string;
  readonly ids: Int32Array;
  readonly cut: boolean;
}

/**
 * Renders the template, cutting the input and then the instruction until the prompt fits; of a conversation, its oldest
 * turns first.
 * @throws DataError; OptionError for a conversation without a chat template
 */
export function fitPrompt(
  asked: PromptFields | ChatPrompt,
  options: { tokenizer: Tokenizer; template: PromptTemplate; maxPromptLength: number },
): FittedPrompt {
  const { tokenizer, template, maxPromptLength } = options;
  if (isChatTemplate(template)) {
    const messages = 'messages' in asked ? asked.messages : [{ role: 'user', content: spoken(asked) } as const];
    return fitChatPrompt(messages, { tokenizer, template, maxPromptLength });
  }
  if ('messages' in asked) throw needsChatTemplate('encodePrompt', template);
  const { instruction, input = '', prefix } = asked;
  const fields = { instruction, input, ...(prefix !== undefined && { prefix }) };
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
