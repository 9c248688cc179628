/**
 * What a template writes between a question and its answer though it is asked for a prompt without an answer: "assistant:".
 * Templates without such words (Mistral's) need not heed add_generation_prompt; others that do not heed it make it a part of the answer.
 */
import { DataError } from '../../errors.js';
import type { ChatTemplate } from './chatTemplate.js';
import { type ChatMessage, someAnswer } from './messages.js';

const question: ChatMessage = { role: 'user', content: 'Well?' };

/** undefined where the prompt has all that comes before an answer, or the template does not take a plain question. */
export function learntHeader(template: ChatTemplate): string | undefined {
  try {
    const [prompt, without] = [true, false].map((addGenerationPrompt) =>
      template.renderChat([question], { addGenerationPrompt }),
    );
    if (!prompt || prompt.text !== without?.text) return undefined;
    const messages: ChatMessage[] = [question, { role: 'assistant', content: someAnswer }];
    const { text } = template.renderChat(messages, { addGenerationPrompt: false });
    const begin = text.indexOf(someAnswer);
    if (begin < 0 || !text.startsWith(prompt.text)) return undefined;
    const header = text.slice(prompt.text.length, begin);
    return header.trim() === '' ? undefined : header;
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}
