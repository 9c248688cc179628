/** Prompts from files, to be answered: what instructions are without their answers. */
import * as z from 'zod';
import { DataError } from '../errors.js';
import { inWords, short } from '../inWords.js';
import { isObject } from '../io/json.js';
import { checkOptions, type Fields } from '../settings/index.js';
import { type ChatPrompt, messagesOf } from './chat/messages.js';
import { fieldNames } from './instructionFields.js';
import { type ReadRecordsOptions, recordFields } from './instructions.js';
import { Problem, parseJsonLine } from './jsonLine.js';
import { readLines } from './lines.js';
import { RecordCount } from './records.js';
import { checkSources, namesOf, sourceName, sourcesOf, type TextSources } from './source.js';
import type { PromptFields } from './template.js';

const where = 'readPrompts';
const readOptions = z.strictObject(recordFields satisfies Fields<ReadRecordsOptions>);

/**
 * Reads prompts: a file whose first line begins with { is JSON lines, objects with `instruction` (or `prompt`) and an
 * optional `input` (or `context`), whatever else is in them; `fields` names others; or conversations, `messages`, of which
 * what stands before a last answer is the prompt. Any other file has a prompt a line.
 * Blank lines are left out.
 * @param sources a file or several, whose prompts follow one another
 * @example
 * const prompts = await readPrompts('questions.txt');
 * const ids = prompts.map((prompt) => encodePrompt(prompt, { tokenizer, template }));
 * @throws OptionError; DataError for malformed lines (how many, and the first ten with their numbers) where there is no prompt,
 * and for a missing file
 */
export async function readPrompts(
  sources: TextSources,
  options: ReadRecordsOptions = {},
): Promise<(Required<PromptFields> | ChatPrompt)[]> {
  checkSources(where, sources);
  const { fields = {}, skipInvalid } = checkOptions(where, readOptions, options);
  const names = fieldNames(fields);
  const prompts: (Required<PromptFields> | ChatPrompt)[] = [];
  const count = new RecordCount(skipInvalid);
  for (const source of sourcesOf(sources)) {
    let isJson: boolean | undefined;
    for await (const lines of readLines(source, 'prompts')) {
      for (const line of lines) {
        isJson ??= 'text' in line && /^\s*\{/.test(line.text);
        const prompt = 'problem' in line ? new Problem(`: ${line.problem}`) : promptOf(line.text, isJson, names);
        if (prompt instanceof Problem) count.invalid(`${sourceName(source)}: line ${line.number}${prompt.text}`);
        else {
          count.usable();
          prompts.push(prompt);
        }
      }
    }
  }
  count.end();
  if (prompts.length === 0) throw noPrompts(sources);
  return prompts;
}

type PromptNames = Readonly<Record<'instruction' | 'input', readonly string[]>>;

function promptOf(line: string, isJson: boolean, names: PromptNames): Required<PromptFields> | ChatPrompt | Problem {
  if (!isJson) return { instruction: line.trimEnd(), input: '' };
  const value = parseJsonLine(line);
  if (value instanceof Problem) return value;
  if (!isObject(value)) return new Problem(`: is ${inWords(value)}, expected an object with an instruction`);
  const { messages, prompt } = value;
  if (!Object.hasOwn(value, names.instruction[0] as string)) {
    if (messages !== undefined && messages !== null) return chatOf('messages', messages);
    if (Array.isArray(prompt)) return chatOf('prompt', prompt);
  }
  const find = (some: readonly string[]) => some.find((name) => Object.hasOwn(value, name) && value[name] !== null);
  const instruction = find(names.instruction);
  if (instruction === undefined) {
    const found = Object.keys(value).join(', ') || 'nothing';
    return new Problem(` has none of ${names.instruction.join(', ')}, found ${short(found)}`);
  }
  const asked = value[instruction];
  if (typeof asked !== 'string' || asked.trim() === '') return wrong(instruction, asked, 'some text');
  const input = find(names.input);
  const context = input === undefined ? '' : value[input];
  if (typeof context !== 'string') return wrong(input as string, context, 'text, or null');
  return { instruction: asked, input: context };
}

/** A conversation of data ends with the answer, which is not shown to whoever is to give it. */
function chatOf(field: string, messages: unknown): ChatPrompt | Problem {
  const isAnswered = Array.isArray(messages) && Object(messages.at(-1)).role === 'assistant';
  const checked = messagesOf(field, isAnswered ? messages.slice(0, -1) : messages, 'user');
  return checked instanceof Problem ? checked : { messages: checked };
}

const wrong = (field: string, found: unknown, expected: string) =>
  new Problem(`: field '${field}' is ${found === '' ? 'empty' : inWords(found)}, expected ${expected}`);

const noPrompts = (sources: TextSources) =>
  new DataError(`${namesOf(sources)} has no prompt, expected one a line. Check that it is the right file.`);
