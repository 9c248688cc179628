/** The record that instruction files hold, under the field names of Alpaca and of Dolly, or under names of the user's own. */
import * as z from 'zod';
import { inWords, short } from '../inWords.js';
import { isObject } from '../io/json.js';
import { type Fields, ranges } from '../settings/index.js';
import { chatField, FieldCensus } from './fieldCensus.js';
import { type FieldNames, fieldNames, type InstructionFields } from './instructionFields.js';
import { Problem } from './jsonLine.js';
import { RecordCount, readRecords, type SkipInvalid, skipOption } from './records.js';
import { namesOf, sourcesOf, type TextSources } from './source.js';

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
    } satisfies Fields<InstructionFields>)
    .optional(),
  skipInvalid: skipOption,
} satisfies Fields<ReadRecordsOptions>;

/**
 * Reads JSONL: one object a line with `instruction`, optional `input` or `context`, and `output` or `response`, a
 * string or a list of strings. Blank lines are left out. A field that is null is absent.
 * @throws DataError naming the file, the lines (from 1) and the fields, also for a field that no record has, unless it
 * is an input that was not named, and for a missing file
 */
export async function* readInstructionRecords(
  sources: TextSources,
  { fields = {}, skipInvalid = false }: ReadRecordsOptions,
): AsyncGenerator<Instruction> {
  const names = fieldNames(fields);
  const census = new FieldCensus(namesOf(sources), fields, names);
  const count = new RecordCount(skipInvalid, (records) => census.fault(records));
  const recordOf = (value: unknown) => {
    if (isObject(value)) census.add(value);
    return instructionOf(value, names);
  };
  for (const source of sourcesOf(sources)) yield* readRecords(source, recordOf, count);
  count.end();
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
  const outputs = answersOf(output, value[output]);
  return outputs instanceof Problem ? outputs : { instruction: asked, input: context, outputs };
}

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

function missingInstruction(value: Readonly<Record<string, unknown>>, name: string): Problem {
  const chat = chatField(value);
  const found =
    Object.keys(value)
      .map((field) => `'${field}'`)
      .join(', ') || 'nothing';
  const advice =
    chat && `. The record is a chat ('${chat}'): write each question with its answer as a record of its own`;
  return new Problem(`: field '${name}' is missing, found ${short(found)}${advice ?? ''}`);
}
