/** The record that instruction files hold, under the field names of Alpaca and of Dolly. */
import { z } from 'zod';
import { DataError } from '../errors.js';
import { parse } from '../settings/index.js';
import { parseJsonLine } from './jsonLine.js';

/** One instruction with its acceptable answers. */
export interface Instruction {
  /** What the model is asked to do. */
  readonly instruction: string;
  /** Further context, '' where there is none. */
  readonly input: string;
  /** At least one. Training takes the first; ROUGE-L compares with all. */
  readonly outputs: readonly [string, ...string[]];
}

const answers = z.union([z.string().transform((text): [string] => [text]), z.tuple([z.string()], z.string())]);
/** Alpaca's field names and Dolly's. */
const record = z.object({
  instruction: z.string().min(1),
  input: z.string().nullish(),
  context: z.string().nullish(),
  output: answers.optional(),
  response: answers.optional(),
});

/**
 * Reads JSONL: one object a line with `instruction`, optional `input` or `context`, and `output` or `response`, a
 * string or a list of strings. Blank lines are skipped.
 * @throws DataError naming the file, the line (from 1) and the field.
 */
export function parseInstructions(text: string, name: string): Instruction[] {
  const instructions: Instruction[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() !== '') instructions.push(parseLine(line, `${name}: line ${index + 1}`));
  });
  return instructions;
}

function parseLine(line: string, where: string): Instruction {
  const value = parseJsonLine(line, where);
  const { instruction, input, context, output, response } = parse(record, value, ({ path, message }) => {
    return new DataError(`${where}: ${path ? `field '${path}': ` : ''}${message}.`, { found: value });
  });
  const outputs = output ?? response;
  if (!outputs) {
    throw new DataError(`${where} has no 'output' (or 'response'): add the answer, a string or a list of strings.`, {
      found: Object.keys(value as object),
    });
  }
  return { instruction, input: input ?? context ?? '', outputs };
}
