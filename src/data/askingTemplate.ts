import type { Tokenizer } from '../text/index.js';
import { createChatTemplate } from './chat/chatTemplate.js';
import { type PromptTemplate, resolveTemplate, type TemplateChoice } from './template.js';

/**
 * The template in which a model is asked: the one that is chosen, or that the model was trained with, 'chat' being its
 * tokenizer's. Where neither is said it is the tokenizer's chat template, if there is one, else Alpaca's: the rule of the
 * command line (src/cli/template.ts), too.
 * @throws OptionError for an unknown name, and for 'chat' without a chat template; DataError for one that cannot be read
 */
export function askingTemplate(
  where: string,
  choice: TemplateChoice | undefined,
  tokenizer: Tokenizer,
): PromptTemplate {
  const isChat = choice === undefined ? tokenizer.chatTemplates.has('default') : choice === 'chat';
  return isChat ? createChatTemplate(tokenizer) : resolveTemplate(where, choice);
}
