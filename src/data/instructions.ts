/**
 * The records that data files hold: instructions, under the field names of Alpaca, of Dolly and of prompt and completion, or
 * under names of the user's own; and conversations. A file has one kind.
 */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { inWords, short } from '../inWords.js';
import { isObject } from '../io/json.js';
import { checkOptions, type Fields as FieldsOf, ranges } from '../settings/index.js';
import { type Conversation, messagesOf } from './chat/messages.js';
import { isVeryLong, TemplateAtFault } from './chat/templateAtFault.js';
import { chatField, FieldCensus } from './fieldCensus.js';
import { type FieldNames, fieldNames, type InstructionFields } from './instructionFields.js';
import { Problem } from './jsonLine.js';
import { RecordCount, readRecords, type SkipInvalid, skipOption } from './records.js';
import { checkSources, namesOf, sourcesOf, type TextSource, type TextSources } from './source.js';

/** One instruction with its acceptable answers. */
export interface Instruction {
  /** What the model is asked to do. */
  readonly instruction: string;
  /** Further context, '' where there is none. */
  readonly input: string;
  /** At least one. Training takes the first; ROUGE-L compares with all. */
  readonly outputs: readonly [string, ...string[]];
}

/** How instruction files are read. */
export interface ReadRecordsOptions {
  /** Names of the fields, where they are neither Alpaca's nor Dolly's. */
  readonly fields?: InstructionFields | undefined;
  /** Default false. */
  readonly skipInvalid?: SkipInvalid | undefined;
}

/** For the schemas of functions that read instruction files. */
export const recordFields = {
  fields: z
    .strictObject({
      instruction: ranges.text.optional(),
      input: ranges.text.optional(),
      output: ranges.text.optional(),
    } satisfies FieldsOf<InstructionFields>)
    .optional(),
  skipInvalid: skipOption,
} satisfies FieldsOf<ReadRecordsOptions>;

/**
 * Reads JSON lines, or one JSON array of records: objects with `instruction` (or `prompt`), optional `input` or `context`, and
 * `output`, `response` or `completion`, a string or a list of strings; or conversations, with `messages`, or with the
 * messages of a `prompt` and of its `completion`. Blank lines are left out. A field that is null is absent.
 * @param use what becomes of a record; a DataError that it throws is a problem of the record, unless it is of the template
 * @throws DataError naming the file, the lines (from 1) and the fields, also for a field that no record has, unless it
 * is an input that was not named, and for a missing file
 */
export async function* readInstructionRecords<T>(
  sources: TextSources,
  { fields = {}, skipInvalid = false }: ReadRecordsOptions,
  use: (record: Instruction | Conversation) => T,
): AsyncGenerator<T> {
  const names = fieldNames(fields);
  const census = new FieldCensus(namesOf(sources), fields, names);
  const count = new RecordCount(skipInvalid, (records) => census.fault(records));
  for (const source of sourcesOf(sources)) {
    let first: RecordKind | undefined;
    const recordOf = (value: unknown) => {
      const kind = isObject(value) ? kindOf(value, fields) : undefined;
      if (kind !== 'conversation' && isObject(value)) census.add(value);
      first ??= kind;
      if (kind !== undefined && kind !== first) {
        return new Problem(
          `: is ${kindInWords[kind]}, and those before are ${kindInWords[first as RecordKind]}: one kind a file`,
        );
      }
      const record = kind === 'conversation' ? conversationOf(value as Fields) : instructionOf(value, names);
      return record instanceof Problem ? record : used(record, use);
    };
    yield* readRecords(source, recordOf, count);
  }
  count.end();
}

function used<T>(record: Instruction | Conversation, use: (record: Instruction | Conversation) => T): T | Problem {
  try {
    return use(record);
  } catch (error) {
    if (!(error instanceof DataError) || !('messages' in record)) throw error;
    if (error instanceof TemplateAtFault && !isVeryLong(record.messages)) throw error;
    return new Problem(`: ${error.message.replace(/\.$/, '')}`);
  }
}

/** What a record is. */
export type RecordKind = 'instruction' | 'completion' | 'conversation';
const kindInWords: Readonly<Record<RecordKind, string>> = {
  instruction: 'an instruction with its output',
  completion: 'a prompt with its completion',
  conversation: 'a conversation',
};

type Fields = Readonly<Record<string, unknown>>;

/** Names of the user's own are those of an instruction. */
function kindOf(record: Fields, { instruction, output }: InstructionFields): RecordKind {
  if (instruction !== undefined || output !== undefined) return 'instruction';
  const has = (field: string) => Object.hasOwn(record, field) && record[field] !== null;
  if (has('messages') || (Array.isArray(record.prompt) && !has('instruction'))) return 'conversation';
  return has('prompt') && !has('instruction') ? 'completion' : 'instruction';
}

function conversationOf(record: Fields): Conversation | Problem {
  const { messages, prompt, completion } = record;
  const isSplit = messages === undefined || messages === null;
  if (isSplit && !Array.isArray(completion)) {
    return new Problem(`: field 'completion' is ${inWords(completion)}, expected a list of messages, as 'prompt' is`);
  }
  const all = isSplit ? [...(prompt as unknown[]), ...(completion as unknown[])] : messages;
  const checked = messagesOf(isSplit ? 'prompt and completion' : 'messages', all, 'assistant');
  return checked instanceof Problem ? checked : { messages: checked, outputs: [checked.at(-1)?.content ?? ''] };
}

/**
 * What the first record of a source is, by its fields: a conversation needs a chat template. 'instruction' where there is no
 * record, or none that can be read.
 * @example
 * const isChat = (await recordKind('chats.jsonl')) === 'conversation';
 * const template = isChat ? createChatTemplate(tokenizer) : 'alpaca';
 * @throws OptionError; DataError for a missing file
 */
export async function recordKind(sources: TextSources, options: ReadRecordsOptions = {}): Promise<RecordKind> {
  checkSources('recordKind', sources);
  const { fields = {} } = checkOptions('recordKind', kindOptions, options);
  const [source] = sourcesOf(sources) as [TextSource];
  const recordOf = (value: unknown) => (isObject(value) ? kindOf(value, fields) : 'instruction');
  for await (const kind of readRecords(source, recordOf, new RecordCount(true))) return kind;
  return 'instruction';
}

function instructionOf(value: unknown, names: FieldNames): Instruction | Problem {
  if (!isObject(value))
    return new Problem(`: is ${inWords(value)}, expected an object with an instruction and an output`);
  /** The first of these fields that is there. A spreadsheet writes null for an empty cell. */
  const find = (some: readonly string[]) => some.find((name) => Object.hasOwn(value, name) && value[name] !== null);
  const instruction = find(names.instruction);
  const input = find(names.input);
  const output = find(names.output);
  if (instruction === undefined) return missingInstruction(value, names.instruction[0]);
  const asked = value[instruction];
  if (typeof asked !== 'string' || asked === '') return wrong(instruction, asked, 'some text');
  const context = input === undefined ? '' : value[input];
  if (typeof context !== 'string') return wrong(input as string, context, 'text, or null');
  if (output === undefined) {
    const [first, ...others] = names.output;
    const either = others.length > 0 ? ` (or '${others.join("', '")}')` : '';
    return new Problem(` has no '${first}'${either}: add the answer, a string or a list of strings`);
  }
  if (instruction === 'prompt' && output === 'completion' && areMessages(value.completion)) {
    return wrong(instruction, asked, "a list of messages, as 'completion' is");
  }
  const outputs = answersOf(output, value[output]);
  return outputs instanceof Problem ? outputs : { instruction: asked, input: context, outputs };
}

const areMessages = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isObject);

function answersOf(field: string, answer: unknown): Instruction['outputs'] | Problem {
  if (typeof answer === 'string') return [answer];
  if (!Array.isArray(answer)) return wrong(field, answer, 'the answer, a string or a list of strings');
  if (answer.length === 0) return wrong(field, answer, 'at least one answer');
  const index = answer.findIndex((each) => typeof each !== 'string');
  if (index >= 0) return wrong(`${field}[${index}]`, answer[index], 'a string');
  return answer as [string, ...string[]];
}

const wrong = (field: string, found: unknown, expected: string) =>
  new Problem(`: field '${field}' is ${found === '' ? 'empty' : inWords(found)}, expected ${expected}`);

const kindOptions = z.strictObject(recordFields);

function missingInstruction(value: Fields, name: string): Problem {
  const chat = chatField(value);
  const found =
    Object.keys(value)
      .map((field) => `'${field}'`)
      .join(', ') || 'nothing';
  const advice = chat && `. The record is a chat ('${chat}'): write it as messages, a list of { role, content }`;
  return new Problem(`: field '${name}' is missing, found ${short(found)}${advice ?? ''}`);
}
