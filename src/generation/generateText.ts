/**
 * Text in, text out. Prompts are put into the template that the model was trained with, encoded as in training, answered
 * side by side, and decoded while the tokens come.
 */
import * as z from 'zod';
import { askingTemplate } from '../data/askingTemplate.js';
import type { ChatPrompt } from '../data/chat/messages.js';
import { checkPrompt, encodePrompt } from '../data/encodePrompt.js';
import { type PromptFields, type TemplateChoice, templateOption } from '../data/template.js';
import { isPlainObject } from '../inWords.js';
import { checkTokenizer } from '../models/index.js';
import { type LanguageModel, modelOption } from '../models/model.js';
import { refusedOption, requireOption } from '../requireOption.js';
import { advising, checkOption, checkOptions, type Fields, ranges } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import { AnswerText, type FinishReason } from './answerText.js';
import { decode } from './decode.js';
import { checkRequest, type GenerateOptions, generateOptions, inBatches, inCode } from './options.js';

/**
 * What is answered. A text is an instruction, an object has further context for it, or the messages of a conversation, which
 * needs a chat template; all go into the template. Token ids are continued as they are: `tokenizer.encode('Once upon a time')` where no template is wanted.
 */
export type TextPrompt = string | PromptFields | ChatPrompt | Int32Array;

/** How texts are answered. The ids that end an answer, all of them, and the ids that may be drawn are the tokenizer's. */
export interface GenerateTextOptions extends Omit<GenerateOptions, 'maxNewTokens' | 'eosTokenId' | 'vocabSize'> {
  /** The model's. */
  readonly tokenizer: Tokenizer;
  /**
   * A template or its name, 'chat' being the tokenizer's chat template. Default: the one that the model was trained with
   * (`LanguageModel.promptTemplate`), else the tokenizer's chat template, where it has one, else 'alpaca'.
   */
  readonly template?: TemplateChoice | undefined;
  /** At most so many tokens a prompt. Default: 256, or what the model has room for after the longest prompt. */
  readonly maxNewTokens?: number | undefined;
  /** Texts that end an answer where the first of them begins; they are not part of it. Default: none. */
  readonly stop?: readonly string[] | undefined;
}

/** The answer to one prompt. */
export interface TextAnswer {
  /** Without special tokens and what comes from a stop string on. */
  readonly text: string;
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** Tokens of the prompt, template included. */
  readonly promptLength: number;
  /** Token ids [length], as they were drawn: EOS, and those of a stop string, included. */
  readonly ids: Int32Array;
}

/** A part of an answer. */
export interface TextPiece {
  /** Index of the prompt. */
  readonly prompt: number;
  /** Continues the answer: whole characters. May be empty in an answer's last piece. */
  readonly text: string;
  /** Token ids that were drawn since the answer's last piece. */
  readonly ids: Int32Array;
  /** Why the answer ended; undefined in all pieces but its last. */
  readonly finishReason: FinishReason | undefined;
}

const textOptions = advising(
  z.strictObject({
    ...generateOptions.omit({ maxNewTokens: true, eosTokenId: true, vocabSize: true }).shape,
    tokenizer: tokenizerOption,
    template: templateOption.optional(),
    maxNewTokens: ranges.count.optional(),
    stop: z.array(ranges.text, 'a list of texts').readonly().default([]),
  } satisfies Fields<GenerateTextOptions>),
  {
    ...inCode,
    input: 'Give it with its prompt, as { instruction, input }.',
    raw: 'Give the prompt as token ids, tokenizer.encode(text): they are continued as they are, without a template.',
    eosTokenId: "The tokenizer's are taken. Texts that end an answer are stop.",
  },
);

const anyPrompt = 'a text, an object { instruction, input } or { messages }, or an Int32Array of ids';
/** Tokens of an answer where nothing else is said: the paper's number. */
const usualLength = 256;

/**
 * Answers prompts that are text by text. The model's own template, all of its EOS ids, and the ids of a vocabulary that is
 * padded beyond the tokenizer's are seen to. The temperature is 1 by default. The same seed gives the same answer, whatever
 * prompts are beside it; for more than 32 of them f32 and f16 models are summed in another order, in the last bits.
 * @returns the answers, in the order of the prompts
 * @example
 * const [answer] = await generateText(model, ['Name three colours.'], { tokenizer, temperature: 0 });
 * console.log(answer?.text, answer?.finishReason);
 * @throws OptionError for an unknown or wrong option, an empty prompt, or a template that is not known here;
 * CompatibilityError for a tokenizer that cannot be the model's; LimitError when a prompt and maxNewTokens exceed the
 * model's positions or the cache does not fit; TrainingError when the model gives NaN; what the signal was aborted with
 */
export async function generateText(
  model: LanguageModel,
  prompts: readonly TextPrompt[],
  options: GenerateTextOptions,
): Promise<TextAnswer[]> {
  const request = checkTexts('generateText', model, prompts, options);
  const answers: AnswerText[] = [];
  for await (const { prompt, answer } of answersOf(model, request)) answers[prompt] = answer;
  return answers.map(({ text, ids, finishReason }, index) => ({
    text,
    finishReason: finishReason as FinishReason,
    promptLength: (request.prompts[index] as Int32Array).length,
    ids: Int32Array.from(ids),
  }));
}

/**
 * The same, piece by piece as the text comes: of several prompts, those that are answered side by side take turns. Leaving the
 * loop frees the memory.
 * @example
 * for await (const { text } of streamText(model, ['Tell me a story.'], { tokenizer })) process.stdout.write(text);
 * @throws what `generateText` throws, at the first piece; what the signal was aborted with
 */
export async function* streamText(
  model: LanguageModel,
  prompts: readonly TextPrompt[],
  options: GenerateTextOptions,
): AsyncGenerator<TextPiece, void, undefined> {
  const told = new Map<number, number>();
  for await (const { prompt, text, answer } of answersOf(model, checkTexts('streamText', model, prompts, options))) {
    const { ids, finishReason } = answer;
    if (text === '' && finishReason === undefined) continue;
    yield { prompt, text, ids: Int32Array.from(ids.slice(told.get(prompt) ?? 0)), finishReason };
    told.set(prompt, ids.length);
  }
}

type Request = ReturnType<typeof checkTexts>;

/** Each new token of each prompt, with the text that it settles. */
async function* answersOf(
  model: LanguageModel,
  { prompts, seeds, batchSize, tokenizer, stop, ...options }: Request,
): AsyncGenerator<{ readonly prompt: number; readonly text: string; readonly answer: AnswerText }> {
  const how = { ends: new Set(tokenizer.eosTokenIds), stop, maxNewTokens: options.maxNewTokens };
  for (let start = 0; start < prompts.length; start += batchSize) {
    const batch = prompts.slice(start, start + batchSize);
    const answers = batch.map(() => new AnswerText(tokenizer, how));
    const stopped = new Set<number>();
    const seeded = { ...options, seeds: seeds.slice(start, start + batchSize) };
    for await (const tokens of decode(model, batch, seeded, { stopped })) {
      for (const { prompt, id } of tokens) {
        const answer = answers[prompt] as AnswerText;
        const text = answer.push(id);
        if (answer.finishReason === 'stop') stopped.add(prompt);
        yield { prompt: start + prompt, text, answer };
      }
    }
  }
}

/** The prompts as ids, and the options with their defaults. */
function checkTexts(where: string, model: LanguageModel, prompts: readonly TextPrompt[], given: GenerateTextOptions) {
  checkOption(where, 'model', model, modelOption);
  const checked = checkOptions(where, textOptions, given);
  const { template, maxNewTokens: asked, seeds: _, batchSize: __, ...options } = checked;
  const { tokenizer } = options;
  checkTokenizer(tokenizer, model);
  const asWritten = promptsOf(where, prompts);
  // The model's own may be one that is not known here, and a chat template takes long to read: only texts need one.
  const hasTexts = !asWritten.every((prompt) => prompt instanceof Int32Array);
  const chosen = template ?? (hasTexts ? model.promptTemplate : 'alpaca');
  const encoding = { tokenizer, template: askingTemplate(where, chosen, tokenizer) };
  const ids = asWritten.map((prompt) => (prompt instanceof Int32Array ? prompt : encodePrompt(prompt, encoding)));
  const room = model.room(ids.reduce((longest, { length }) => Math.max(longest, length), 0));
  const maxNewTokens = asked ?? Math.max(1, Math.min(usualLength, room));
  const { eosTokenIds: eosTokenId, vocabSize } = tokenizer;
  const request = { ...options, maxNewTokens, eosTokenId, vocabSize };
  checkRequest(where, model, ids, request);
  return { ...request, ...inBatches(where, ids, checked), prompts: ids };
}

/** Prompts that can be encoded. @throws OptionError naming the first that cannot */
function promptsOf(where: string, prompts: readonly TextPrompt[]): (PromptFields | ChatPrompt | Int32Array)[] {
  requireOption(where, 'prompts', prompts, Array.isArray(prompts), `a list of prompts, each ${anyPrompt}`);
  // Holes of an array count.
  return Array.from(prompts, (prompt: unknown, index) => {
    const place = `prompts[${index}]`;
    if (prompt instanceof Int32Array) return prompt;
    if (typeof prompt === 'string') return { instruction: checkOption(where, place, prompt, ranges.text) };
    if (!isPlainObject(prompt)) throw refusedOption(where, place, prompt, anyPrompt);
    return checkPrompt(`${where}: ${place}`, prompt);
  });
}
