/** Prompts from files, to be answered: what instructions are without their answers. */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { inWords, short } from '../inWords.js';
import { isObject } from '../io/json.js';
import { mistaken } from '../io/likeness.js';
import { checkOptions, type Fields } from '../settings/index.js';
import { type ChatPrompt, messagesOf, unusedProblem } from './chat/messages.js';
import type { FormatOptions } from './formats/format.js';
import { formatOf, formats } from './formats/index.js';
import { type FieldNames, fieldNames } from './instructionFields.js';
import { type ReadRecordsOptions, recordFields } from './instructions.js';
import { Problem, parseJsonLine } from './jsonLine.js';
import { languagesOf } from './languages.js';
import { linesOf } from './lines.js';
import { beginsAsJson } from './looksLikeJson.js';
import { refuseOther } from './otherFiles.js';
import { parallelFiles } from './parallel/parallelFiles.js';
import { readParallel } from './parallel/readParallel.js';
import { peek } from './peek.js';
import type { Question } from './question.js';
import { has, wrongField } from './recordFields.js';
import { RecordCount } from './records.js';
import { recordTextsOf } from './recordTexts.js';
import {
  checkSources,
  isRecords,
  namesOf,
  readBytes,
  sourceName,
  sourcesOf,
  type TextSource,
  type TextSources,
} from './source.js';
import type { PromptFields } from './template.js';

const where = 'readPrompts';
const readOptions = z.strictObject(recordFields satisfies Fields<ReadRecordsOptions>);

/** A prompt of a file: an instruction with its input, '' for none, or a conversation. */
type Prompt = (Required<Pick<PromptFields, 'instruction' | 'input'>> & Pick<PromptFields, 'prefix'>) | ChatPrompt;

/**
 * Reads prompts: a file that begins with { is JSON lines, one that begins with [ and { an array, of objects with `instruction`
 * (or `prompt`) and an optional `input` (or `context`), whatever else is in them; `fields` names others; of conversations,
 * `messages`, of which what stands before a last answer is the prompt; or of the formats of `readInstructions`, of which what is
 * asked is taken. So it is of two files that translate each other. Any other file has a prompt a line. Blank lines are left out.
 * @param sources a file or several, whose prompts follow one another
 * @example
 * const prompts = await readPrompts('questions.txt');
 * const ids = prompts.map((prompt) => encodePrompt(prompt, { tokenizer, template }));
 * @throws OptionError; DataError for malformed lines (how many, and the first ten with their numbers) where there is no prompt,
 * and for a missing file
 */
export async function readPrompts(sources: TextSources, options: ReadRecordsOptions = {}): Promise<Prompt[]> {
  checkSources(where, sources);
  const { fields, languages, skipInvalid } = checkOptions(where, readOptions, options);
  const prompts: Prompt[] = [];
  const count = new RecordCount(skipInvalid);
  const names = fieldNames(fields ?? {});
  const promptsOf = (value: unknown) =>
    promptsIn(value, {
      names,
      languages: languages === undefined ? undefined : languagesOf(languages),
      isOwn: fields?.instruction !== undefined,
    });
  for (const source of sourcesOf(sources)) {
    const pair = parallelFiles(source, languages);
    if (pair) for await (const question of readParallel(pair, askedIn, count)) prompts.push(question);
    else prompts.push(...(await promptsOfFile(source, names, promptsOf, count)));
  }
  count.end();
  if (prompts.length === 0) throw noPrompts(sources);
  return prompts;
}

/** What is asked, without the answers. */
const askedIn = ({ outputs: _, ...asked }: Question): Prompt => asked;

async function promptsOfFile(
  source: TextSource,
  names: FieldNames,
  promptsOf: (value: unknown) => readonly Prompt[] | Problem,
  count: RecordCount,
): Promise<Prompt[]> {
  const name = sourceName(source);
  const bytes = readBytes(source, (file, beginning) => mistaken(file, beginning, 'prompts'));
  const { beginning, pieces } = await peek(bytes, (begun) => begun.length > 256);
  const isJson = isRecords(source) || beginsAsJson(beginning);
  const prompts: Prompt[] = [];
  const take = (place: string, read: readonly Prompt[] | Problem) => {
    if (read instanceof Problem) count.invalid(`${name}: ${place}${read.text}`);
    else {
      count.usable();
      prompts.push(...read);
    }
  };
  if (isJson) {
    for await (const { place, lines } of recordTextsOf(name, pieces)) {
      for (const line of lines) {
        const value = 'problem' in line ? new Problem(`: ${line.problem}`) : parseJsonLine(line.text);
        if (prompts.length === 0 && isObject(value)) refuseOther(name, value, names);
        take(`${place} ${line.number}`, value instanceof Problem ? value : promptsOf(value));
      }
    }
    return prompts;
  }
  for await (const lines of linesOf(pieces)) {
    for (const line of lines) {
      const isText = 'text' in line;
      const asked = isText ? [{ instruction: line.text.trimEnd(), input: '' }] : new Problem(`: ${line.problem}`);
      take(`line ${line.number}`, asked);
    }
  }
  return prompts;
}

interface Reading extends FormatOptions {
  readonly names: Readonly<Record<'instruction' | 'input', readonly string[]>>;
  /** The instruction is under a name of the user's. */
  readonly isOwn: boolean;
}

function promptsIn(value: unknown, { names, isOwn, languages }: Reading): readonly Prompt[] | Problem {
  if (!isObject(value)) return new Problem(`: is ${inWords(value)}, expected an object with an instruction`);
  const { messages, prompt } = value;
  if (!Object.hasOwn(value, names.instruction[0] as string)) {
    const isChat = messages !== undefined && messages !== null;
    if (isChat || Array.isArray(prompt)) {
      return unusedProblem(value) ?? (isChat ? chatOf('messages', messages) : chatOf('prompt', prompt));
    }
  }
  const format = isOwn ? undefined : formatOf(value);
  if (format !== undefined) {
    const questions = formats[format].questions(value, { languages });
    return questions instanceof Problem ? questions : questions.map(askedIn);
  }
  const find = (some: readonly string[]) => some.find((name) => has(value, name));
  const instruction = find(names.instruction);
  if (instruction === undefined) {
    const found = Object.keys(value).join(', ') || 'nothing';
    return new Problem(` has none of ${names.instruction.join(', ')}, found ${short(found)}`);
  }
  const asked = value[instruction];
  if (typeof asked !== 'string' || asked.trim() === '') return wrongField(instruction, asked, 'some text');
  const input = find(names.input);
  const context = input === undefined ? '' : value[input];
  if (typeof context !== 'string') return wrongField(input as string, context, 'text, or null');
  const { prefix } = value;
  return [{ instruction: asked, input: context, ...(typeof prefix === 'string' && { prefix }) }];
}

/** A conversation of data ends with the answer, which is not shown to whoever is to give it. */
function chatOf(field: string, messages: unknown): [ChatPrompt] | Problem {
  const isAnswered = Array.isArray(messages) && Object(messages.at(-1)).role === 'assistant';
  const checked = messagesOf(field, isAnswered ? messages.slice(0, -1) : messages, 'user');
  return checked instanceof Problem ? checked : [{ messages: checked }];
}

const noPrompts = (sources: TextSources) =>
  new DataError(`${namesOf(sources)} has no prompt, expected one a line. Check that it is the right file.`);
