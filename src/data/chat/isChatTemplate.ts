import { OptionError } from '../../errors.js';
import type { PromptTemplate } from '../template.js';
import type { ChatTemplate } from './chatTemplate.js';

/** Whether a template takes conversations. */
export const isChatTemplate = (template: PromptTemplate): template is ChatTemplate => 'renderChat' in template;

export const needsChatTemplate = (where: string, { name }: PromptTemplate): OptionError =>
  new OptionError(
    `${where}: the template '${name}' knows no conversations, only instructions. Give the chat template of the tokenizer, ` +
      'template: createChatTemplate(tokenizer).',
    { option: 'template', found: name },
  );
