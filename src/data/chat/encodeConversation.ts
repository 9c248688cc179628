/**
 * A conversation with its last answer as one training sample. What counts in the loss is what the template marks by
 * `{% generation %}`, in all turns; without such marks it is the last turn of the assistant, end of turn included.
 */
import { DataError } from '../../errors.js';
import type { Tokenizer } from '../../text/index.js';
import type { Example } from '../encodeInstruction.js';
import { shorten } from '../shorten.js';
import { type ChatEncoder, chatEncoder } from './chatEncoder.js';
import type { ChatTemplate, RenderedChat } from './chatTemplate.js';
import { type ChatMessage, someAnswer } from './messages.js';
import { TemplateAtFault } from './templateAtFault.js';

/** How a conversation is rendered, encoded and cut. */
interface ChatOptions {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly maxPromptLength: number;
}

/** A prompt that keeps to a length. */
interface FittedChat {
  /** What is left of the messages. */
  readonly messages: readonly ChatMessage[];
  /** As `ChatEncoder.render` gives it. */
  readonly text: string;
  readonly ids: Int32Array;
  readonly cut: boolean;
}

/**
 * The prompt of a conversation: up to where the next answer begins. While it is too long it loses its oldest question with
 * its answer, then the end of the last message; the system's message stays.
 * @throws DataError where the template gives nothing, where it alone is too long, and as `renderChat`
 */
export function fitChat(
  messages: readonly ChatMessage[],
  { tokenizer, maxPromptLength }: ChatOptions,
  encoder: ChatEncoder,
): FittedChat {
  const left = [...messages];
  for (let cut = false; ; cut = true) {
    const { text } = encoder.render(left, { addGenerationPrompt: true });
    const ids = encoder.encode(text);
    if (ids.length === 0)
      throw new TemplateAtFault('the chat template gives no text. Correct it, or take another one.');
    const excess = ids.length - maxPromptLength;
    if (excess <= 0) return { messages: left, text, ids, cut };
    const first = left[0]?.role === 'system' ? 1 : 0;
    const last = left.at(-1) as ChatMessage;
    if (left.length - first >= 3) left.splice(first, 2);
    else if (last.content !== '')
      left[left.length - 1] = { ...last, content: shorten(last.content, excess, tokenizer) };
    else {
      throw new DataError(
        `The chat template alone, with the system's message where there is one, takes ${ids.length} tokens, maxPromptLength is ` +
          `${maxPromptLength}. Raise it.`,
        { found: ids.length, expected: maxPromptLength },
      );
    }
  }
}

/** A prompt of messages or of an instruction, for those that only ask. */
export function fitChatPrompt(messages: readonly ChatMessage[], options: ChatOptions) {
  const encoder = chatEncoder(messages, options);
  const { text, ...fitted } = fitChat(messages, options, encoder);
  return { ...fitted, prompt: encoder.plain(text) };
}

/**
 * The sample of a conversation that ends with an answer.
 * @throws DataError where the template gives the answer another beginning than its prompt, where it leaves the answer out, and
 * as `fitChat`
 */
export function encodeConversation(
  conversation: readonly ChatMessage[],
  options: ChatOptions & { readonly maxLength: number },
): Pick<Example, 'ids' | 'promptLength' | 'lossMask' | 'prompt' | 'promptCut' | 'responseCut'> {
  const { tokenizer, template, maxLength } = options;
  const encoder = chatEncoder(conversation, options);
  const prompt = fitChat(conversation.slice(0, -1), options, encoder);
  const answer = conversation.at(-1) as ChatMessage;
  const withAnswer = (content: string) =>
    encoder.render([...prompt.messages, { ...answer, content }], { addGenerationPrompt: false });
  const whole = withAnswer(answer.content);
  if (!whole.text.startsWith(prompt.text)) {
    throw new DataError(
      'the chat template begins the answer otherwise where it is there than where it is asked for (add_generation_prompt). ' +
        'Take a template that does not.',
    );
  }
  checkAnswer(template, answer.content, (content) => {
    const rendered = content === answer.content ? whole : withAnswer(content);
    return encoder.plain(answerIn(rendered, prompt.text.length));
  });
  const together = encoder.encode(whole.text);
  const ids = prompt.ids.every((id, at) => together[at] === id)
    ? together
    : joined(prompt.ids, encoder.encode(whole.text.slice(prompt.text.length)));
  const promptLength = prompt.ids.length;
  const learnt = whole.answers ? marked(ids, whole, encoder, promptLength) : lastTurn(ids, promptLength, tokenizer);
  const sample = { ...learnt, ids: learnt.ids.subarray(0, maxLength) };
  return {
    ids: sample.ids,
    promptLength,
    ...(sample.lossMask && { lossMask: sample.lossMask.subarray(0, maxLength) }),
    prompt: encoder.plain(prompt.text),
    promptCut: prompt.cut,
    responseCut: learnt.ids.length > maxLength,
  };
}

/** What is learnt after the prompt. */
const answerIn = ({ text, answers }: RenderedChat, promptLength: number): string =>
  answers === undefined
    ? text.slice(promptLength)
    : answers.map(([start, end]) => text.slice(Math.max(start, promptLength), end)).join('');

/** Templates that were seen to put that word where it is learnt. */
const sound = new WeakSet<ChatTemplate>();

/**
 * A template may change an answer: it strips it, or leaves out what the model thought. So what counts is whether it puts a
 * word that is said in place of the answer where it is learnt, once for each template, and again where the answer is not there.
 * @param learntOf what is learnt of the conversation with such an answer
 * @throws DataError
 */
function checkAnswer(template: ChatTemplate, answer: string, learntOf: (answer: string) => string): void {
  if (sound.has(template) && learntOf(answer).includes(answer.trim())) return;
  if (!learntOf(someAnswer).includes(someAnswer)) {
    throw new TemplateAtFault(
      'the chat template leaves the answer out of what is learnt: a model would learn nothing of the data. Correct the template, ' +
        'or take another one.',
    );
  }
  sound.add(template);
}

const joined = (first: Int32Array, second: ArrayLike<number>): Int32Array => {
  const ids = new Int32Array(first.length + second.length);
  ids.set(first);
  ids.set(second, first.length);
  return ids;
};

type Learnt = Pick<Example, 'ids' | 'lossMask'>;

/** All after the prompt, up to the special token that ends the turn; EOS where the template writes none. */
function lastTurn(ids: Int32Array, promptLength: number, { specialTokenIds, eosTokenIds }: Tokenizer): Learnt {
  const ends = new Set([...specialTokenIds, ...eosTokenIds]);
  const end = ids.findLastIndex((id, at) => at >= promptLength && ends.has(id));
  if (end >= 0) return { ids: ids.subarray(0, end + 1) };
  const [eos] = eosTokenIds;
  if (eos !== undefined) return { ids: joined(ids, [eos]) };
  throw new DataError(
    'Neither the chat template nor the tokenizer has a token that ends an answer: a model could not learn to stop. Add one.',
  );
}

/** What the template marks, as transformers' return_assistant_tokens_mask has it. */
function marked(
  ids: Int32Array,
  { text, answers = [] }: RenderedChat,
  encoder: ChatEncoder,
  promptLength: number,
): Learnt {
  const lossMask = new Uint8Array(ids.length);
  /** Tokens that lie before this place; with one that lies on both sides of it or without. */
  const tokensBefore = (place: number, straddling: 0 | 1): number => {
    const before = encoder.encode(text.slice(0, place));
    const differing = before.findIndex((id, at) => ids[at] !== id);
    return differing < 0 ? before.length : differing + straddling;
  };
  for (const [start, end] of answers) lossMask.fill(1, tokensBefore(start, 0), tokensBefore(end, 1));
  const last = lossMask.lastIndexOf(1);
  if (last < promptLength) {
    throw new DataError('the chat template marks no token of the answer by {% generation %}. Correct the template.');
  }
  const isPlain = lossMask.indexOf(1) === promptLength && !lossMask.subarray(promptLength, last + 1).includes(0);
  return { ids: ids.subarray(0, last + 1), ...(!isPlain && { lossMask: lossMask.subarray(0, last + 1) }) };
}
