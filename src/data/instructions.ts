/**
 * The records that data files hold: instructions, under the field names of Alpaca, of Dolly and of prompt and completion, or
 * under names of the user's own; conversations; the formats of formats/; and two files that translate each other. A file has
 * one kind.
 */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { inWords, short } from '../inWords.js';
import { isObject } from '../io/json.js';
import { checkOptions, type Fields as FieldsOf, ranges } from '../settings/index.js';
import { type Conversation, messagesOf, type OpenConversation, unusedProblem } from './chat/messages.js';
import { isVeryLong, TemplateAtFault } from './chat/templateAtFault.js';
import { chatField, FieldCensus, questionsAdvice } from './fieldCensus.js';
import { type FormatName, formatOf, formats } from './formats/index.js';
import { type FieldNames, fieldNames, type InstructionFields } from './instructionFields.js';
import { Problem } from './jsonLine.js';
import { languagesOf, languagesOption } from './languages.js';
import { refuseOther } from './otherFiles.js';
import { parallelFiles } from './parallel/parallelFiles.js';
import { readParallel } from './parallel/readParallel.js';
import type { Question } from './question.js';
import { answersIn, type Fields, has, wrongField } from './recordFields.js';
import { type Place, RecordCount, readJsonRecords, type SkipInvalid, skipOption } from './records.js';
import { checkSources, namesOf, sourceName, sourcesOf, type TextSource, type TextSources } from './source.js';
import { type TeacherField, teacherIn } from './teacherField.js';

/** One instruction with its acceptable answers. */
export interface Instruction extends Question {
  /** At least one. Training takes the first; ROUGE-L compares with all. */
  readonly outputs: readonly [string, ...string[]];
}

/** How instruction files are read. */
export interface ReadRecordsOptions {
  /** Names of the fields, where they are neither Alpaca's nor Dolly's. */
  readonly fields?: InstructionFields | undefined;
  /**
   * Which way translations go, as in 'en-de'. Default: of two files, from the language of the one that is named; of a record,
   * from its first language to its second. It is needed for two files whose names do not have the pair (`corpus.en`).
   */
  readonly languages?: string | undefined;
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
  languages: languagesOption.optional(),
  skipInvalid: skipOption,
} satisfies FieldsOf<ReadRecordsOptions>;

/**
 * Reads what sources ask, with its answers: JSON lines, one JSON array, objects over many lines, or two files that translate
 * each other. Blank lines are left out. A field that is null is absent. A record of several instances gives as many.
 * @param use what becomes of each; a DataError that it throws of a conversation is a problem of the record, unless it is of
 * the template
 * @param needsAnswer whether a record without an answer is a problem
 * @param teachers where each record names one: by which field
 * @throws DataError naming the file, the lines (from 1) and the fields, also for a field that no record has, unless it
 * is an input that was not named, and for a missing file
 */
export async function* readQuestions<T>(
  sources: TextSources,
  { fields = {}, languages, skipInvalid = false }: ReadRecordsOptions,
  use: (record: AskedRecord, place: Place) => T,
  { needsAnswer, teachers }: { readonly needsAnswer: boolean; readonly teachers?: TeacherField | undefined },
): AsyncGenerator<T> {
  const names = fieldNames(fields);
  const census = new FieldCensus(namesOf(sources), fields, names);
  let unanswered = 0;
  const count = new RecordCount(skipInvalid, (records) =>
    unanswered > 0 && unanswered === records ? questionsAlone(sources) : census.fault(records, { needsAnswer }),
  );
  const usedOrNot = (record: AskedRecord, place: Place): T | Problem => {
    if (record.outputs.length > 0 || !needsAnswer) return used(record, place, use);
    unanswered++;
    return new Problem(' has no answer, expected one to learn, or to compare with');
  };
  for (const source of sourcesOf(sources)) {
    const pair = parallelFiles(source, languages);
    if (pair) {
      if (teachers) throw noField(sourceName(source), teachers);
      yield* readParallel(pair, usedOrNot, count);
      continue;
    }
    let first: RecordKind | undefined;
    const recordsOf = (value: unknown, place: Place): readonly T[] | Problem => {
      const kind = isObject(value) ? kindOf(value, fields) : undefined;
      if (first === undefined && isObject(value)) refuseOther(sourceName(source), value, names);
      const isOwn = kind === undefined || !(kind === 'conversation' || isFormat(kind));
      if (isOwn && isObject(value)) census.add(value);
      first ??= kind;
      if (kind !== undefined && kind !== first) {
        return new Problem(
          `: is ${kindInWords(kind)}, and those before are ${kindInWords(first as RecordKind)}: one kind a file`,
        );
      }
      const read = readValue(value, kind, { names, languages, needsAnswer });
      if (read instanceof Problem) return read;
      const teacher = teachers && teacherIn(value as Fields, teachers);
      if (teacher instanceof Problem) return teacher;
      const all: T[] = [];
      for (const each of read) {
        const made = usedOrNot(teacher === undefined ? each : { ...each, teacher }, place);
        if (made instanceof Problem) return made;
        all.push(made);
      }
      return all;
    };
    for await (const some of readJsonRecords(source, recordsOf, count)) yield* some;
  }
  count.end();
}

/** What a record asks: an instruction or a conversation, with its answers, if it has some. */
export type AskedRecord = Question | Conversation | OpenConversation;

const noField = (name: string, { field }: TeacherField) =>
  new DataError(
    `${name}: two files that translate each other have no field '${field}', which names the teacher of a record. Write them as JSON lines, ` +
      'with this field (distillm data --out).',
  );

/** The same, of records that have an answer each: what is learnt, and what is compared with. */
export const readInstructionRecords = <T>(
  sources: TextSources,
  options: ReadRecordsOptions,
  use: (record: Instruction | Conversation) => T,
): AsyncGenerator<T> =>
  readQuestions(sources, options, (record) => use(record as Instruction | Conversation), { needsAnswer: true });

interface Reading {
  readonly names: FieldNames;
  readonly languages: string | undefined;
  readonly needsAnswer: boolean;
}

function readValue(
  value: unknown,
  kind: RecordKind | undefined,
  { names, languages, needsAnswer }: Reading,
): readonly AskedRecord[] | Problem {
  if (isObject(value) && isFormat(kind)) {
    return formats[kind].questions(value, { languages: languages === undefined ? undefined : languagesOf(languages) });
  }
  const record =
    kind === 'conversation'
      ? conversationOf(value as Fields, { needsAnswer })
      : instructionOf(value, names, { needsAnswer });
  return record instanceof Problem ? record : [record];
}

const questionsAlone = (sources: TextSources) =>
  new DataError(
    `${namesOf(sources)}: no record has an answer: these are questions alone. ${questionsAdvice('They')}; to learn their answers, or to ` +
      'score with, take a file that has answers too.',
  );

function used<T>(record: AskedRecord, place: Place, use: (record: AskedRecord, place: Place) => T): T | Problem {
  try {
    return use(record, place);
  } catch (error) {
    if (!(error instanceof DataError) || !('messages' in record)) throw error;
    if (error instanceof TemplateAtFault && !isVeryLong(record.messages)) throw error;
    return new Problem(`: ${error.message.replace(/\.$/, '')}`);
  }
}

/**
 * What a record is: an instruction, a prompt with its completion, a conversation, plain text, or of one of the published formats:
 * Self-Instruct's, that of Super-NaturalInstructions, questions alone (Vicuna), dialogues with summaries (SAMSum, DialogSum),
 * translations.
 */
export type RecordKind =
  | 'instruction'
  | 'completion'
  | 'conversation'
  | 'text'
  | 'selfInstruct'
  | 'superNaturalInstructions'
  | 'question'
  | 'summary'
  | 'translation';
const ownKinds = {
  instruction: 'an instruction with its output',
  completion: 'a prompt with its completion',
  conversation: 'a conversation',
  text: 'plain text',
} as const satisfies Readonly<Record<Exclude<RecordKind, FormatName>, string>>;
const isFormat = (kind: RecordKind | undefined): kind is FormatName => kind !== undefined && kind in formats;
const kindInWords = (kind: RecordKind): string => (isFormat(kind) ? formats[kind].inWords : ownKinds[kind]);

/** Names of the user's own are those of an instruction. */
function kindOf(record: Fields, { instruction, output }: InstructionFields): RecordKind {
  if (instruction !== undefined || output !== undefined) return 'instruction';
  const isInstruction = has(record, 'instruction');
  if (has(record, 'messages') || (Array.isArray(record.prompt) && !isInstruction)) return 'conversation';
  const format = formatOf(record);
  if (format !== undefined) return format;
  if (isInstruction) return 'instruction';
  if (has(record, 'prompt')) return 'completion';
  const isText = typeof record.text === 'string' && !answerFields.some((field) => has(record, field));
  return isText ? 'text' : 'instruction';
}

const answerFields = fieldNames({}).output;

function conversationOf(
  record: Fields,
  { needsAnswer }: { readonly needsAnswer: boolean },
): Conversation | OpenConversation | Problem {
  const { messages, prompt, completion } = record;
  const unused = unusedProblem(record);
  if (unused) return unused;
  const isSplit = messages === undefined || messages === null;
  const mayBeOpen = !needsAnswer && !(isSplit && has(record, 'completion'));
  const asked = isSplit ? prompt : messages;
  if (mayBeOpen && Array.isArray(asked) && Object(asked.at(-1)).role === 'user') {
    const checked = messagesOf(isSplit ? 'prompt' : 'messages', asked, 'user');
    return checked instanceof Problem ? checked : { messages: checked, outputs: [] };
  }
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
  const { fields = {}, languages } = checkOptions('recordKind', kindOptions, options);
  const [source] = sourcesOf(sources) as [TextSource];
  if (parallelFiles(source, languages)) return 'translation';
  const recordOf = (value: unknown) => {
    if (!isObject(value)) return 'instruction';
    refuseOther(sourceName(source), value, fieldNames(fields));
    return kindOf(value, fields);
  };
  for await (const kind of readJsonRecords(source, recordOf, new RecordCount(true))) return kind;
  return 'instruction';
}

function instructionOf(
  value: unknown,
  names: FieldNames,
  { needsAnswer }: { readonly needsAnswer: boolean },
): Question | Problem {
  if (!isObject(value))
    return new Problem(`: is ${inWords(value)}, expected an object with an instruction and an output`);
  /** The first of these fields that is there. A spreadsheet writes null for an empty cell. */
  const find = (some: readonly string[]) => some.find((name) => Object.hasOwn(value, name) && value[name] !== null);
  const instruction = find(names.instruction);
  const input = find(names.input);
  const output = find(names.output);
  if (instruction === undefined) return missingInstruction(value, names.instruction[0]);
  const asked = value[instruction];
  if (typeof asked !== 'string' || asked === '') return wrongField(instruction, asked, 'some text');
  const context = input === undefined ? '' : value[input];
  if (typeof context !== 'string') return wrongField(input as string, context, 'text, or null');
  const { prefix } = value;
  const question = { instruction: asked, input: context, ...(typeof prefix === 'string' && { prefix }) };
  if (output === undefined && !needsAnswer) return { ...question, outputs: [] };
  if (output === undefined) {
    const [first, ...others] = names.output;
    const either = others.length > 0 ? ` (or '${others.join("', '")}')` : '';
    return new Problem(` has no '${first}'${either}: add the answer, a string or a list of strings`);
  }
  if (instruction === 'prompt' && output === 'completion' && areMessages(value.completion)) {
    return wrongField(instruction, asked, "a list of messages, as 'completion' is");
  }
  const outputs = answersIn(output, value[output]);
  return outputs instanceof Problem ? outputs : { ...question, outputs };
}

const areMessages = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isObject);

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
