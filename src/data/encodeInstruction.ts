/**
 * An instruction with its answer as one training sample: prompt, response and EOS in one run of token ids, of which the
 * loss counts what comes after the prompt.
 */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { checkOptions, type Fields, ranges } from '../settings/index.js';
import { type Tokenizer, tokenizerOption } from '../text/index.js';
import type { Sample } from './batch.js';
import { encodeConversation } from './chat/encodeConversation.js';
import { isChatTemplate, needsChatTemplate } from './chat/isChatTemplate.js';
import { type ChatMessage, type Conversation, type OpenConversation, turnsOf } from './chat/messages.js';
import { fitPrompt } from './fitPrompt.js';
import type { AskedRecord, Instruction } from './instructions.js';
import type { Question } from './question.js';
import { plainEncoding } from './shorten.js';
import { type PromptTemplate, resolveTemplate, type TemplateChoice, templateOption } from './template.js';

/** How an instruction becomes a sample. */
export interface EncodeInstructionOptions {
  /** The student's. */
  readonly tokenizer: Tokenizer;
  /** A template or its name. */
  readonly template: TemplateChoice;
  /** Tokens. A longer prompt loses the end of its input, then of its instruction; the template stays whole. */
  readonly maxPromptLength: number;
  /** Tokens of prompt, response and EOS. A longer sequence loses its end, EOS included. */
  readonly maxLength: number;
}

/** An instruction as the trainer takes it. */
export interface Example extends Sample, Question {
  /** Of the sample, and of the record that it was made of. */
  readonly teacher?: string;
  /** Of a conversation, all that was said; its last question is the instruction. */
  readonly messages?: readonly ChatMessage[];
  /** The prompt's text, as cut. */
  readonly prompt: string;
  /** The answers that ROUGE-L compares with. */
  readonly references: readonly string[];
  /** Whether the prompt exceeded maxPromptLength. */
  readonly promptCut: boolean;
  /** Whether the sequence exceeded maxLength, so that it ends without EOS. */
  readonly responseCut: boolean;
}

const encodeOptions = z.strictObject({
  tokenizer: tokenizerOption,
  template: templateOption,
  maxPromptLength: ranges.count,
  maxLength: ranges.count,
} satisfies Fields<EncodeInstructionOptions>);
/** Whatever else a record has stays with it. */
const instructionFields = z.looseObject({
  instruction: ranges.text,
  input: z.string('some text, or none'),
  prefix: z.string('some text, or none').optional(),
  outputs: z.array(z.string('text'), 'a list of answers').min(1, 'at least one answer'),
});

/**
 * Tokens of prompt and response as one string, split at the prompt's length, EOS at the end, no BOS (as the official
 * code does it). Where a token would straddle the split, the two are tokenized apart: a sample must begin with exactly
 * the ids that `encodePrompt` gives.
 * @throws DataError when the template alone exceeds maxPromptLength, or the tokenizer has no EOS; OptionError for an
 * unknown template, and for unknown and wrong options
 */
export function encodeInstruction(instruction: Instruction, options: EncodeInstructionOptions): Example {
  const where = 'encodeInstruction';
  checkOptions(where, instructionFields, instruction);
  const { template, ...checked } = checkOptions(where, encodeOptions, options);
  return encodeExample(instruction, { ...checked, template: resolveTemplate(where, template) });
}

/** The same, for records and options that have been checked, and for conversations. */
export function encodeExample(
  record: AskedRecord,
  options: Omit<EncodeInstructionOptions, 'template'> & { readonly template: PromptTemplate },
): Example {
  const { tokenizer, template, maxLength, maxPromptLength } = options;
  if ('messages' in record && !isChatTemplate(template)) throw needsChatTemplate('readInstructions', template);
  if (record.outputs.length === 0) return encodeAsked(record, options);
  if (isChatTemplate(template)) return encodeChat(record as Instruction | Conversation, { ...options, template });
  const instruction = record as Instruction;
  const { eosTokenId } = tokenizer;
  if (eosTokenId === undefined) {
    throw new DataError('The tokenizer has no EOS token: a model could not learn to stop. Add one to its files.');
  }
  const { prompt, ids: promptIds, cut } = fitPrompt(instruction, { tokenizer, template, maxPromptLength });
  const [response] = instruction.outputs;
  const whole = tokenizer.encode(prompt + response, plainEncoding);
  const responseIds = promptIds.every((id, i) => whole[i] === id)
    ? whole.subarray(promptIds.length)
    : tokenizer.encode(response, plainEncoding);
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

/** A prompt without an answer: nothing of it is learnt until a model has answered. */
function encodeAsked(record: AskedRecord, options: Parameters<typeof encodeExample>[1]): Example {
  const { prompt, ids, cut } = fitPrompt(record as Question | OpenConversation, options);
  const sample = { prompt, ids, promptLength: ids.length, promptCut: cut, responseCut: false };
  return { ...asQuestion(record), references: [], ...sample };
}

/** An instruction is a conversation of a question and an answer. */
function encodeChat(record: Instruction | Conversation, options: Parameters<typeof encodeConversation>[1]): Example {
  const messages = 'messages' in record ? record.messages : turnsOf(record);
  return { ...asQuestion(record), references: record.outputs, ...encodeConversation(messages, options) };
}

/** A record with an instruction: that of a conversation is its last question. */
function asQuestion(record: AskedRecord): Question {
  if (!('messages' in record)) return record;
  const { content } = record.messages.findLast(({ role }) => role === 'user') as ChatMessage;
  return { ...record, instruction: content, input: '' };
}
