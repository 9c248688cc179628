/** The options of commands that read data files. */
import * as z from 'zod';
import type { InstructionFields, SkipInvalid } from '../index.js';
import { flag, optional } from './options.js';
import type { Terminal } from './terminal.js';

const expected = 'names of fields with commas between them, as in instruction=question,input=context,output=answer';
const fieldNames = z.string().transform((text, context): InstructionFields => {
  const pairs = text.split(',').map((pair) => pair.split('='));
  const wrong = pairs.some(
    ([ours, theirs, ...more]) => !/^(instruction|input|output)$/.test(ours ?? '') || !theirs || more.length > 0,
  );
  const fields: InstructionFields = Object.fromEntries(pairs);
  if (!wrong && Object.keys(fields).length === pairs.length) return fields;
  context.addIssue({ code: 'custom', message: expected });
  return z.NEVER;
});

export const recordOptions = {
  fields: optional(
    '<names>',
    fieldNames,
    "the data's own names: instruction=question,output=answer (default: those of Alpaca and Dolly)",
  ),
  skipInvalid: flag('leaves records out that cannot be used, and says how many (default: they end the command)'),
};

/** Tells how many records were left out, and the first of them. */
export const skipping = (stderr: Terminal['stderr'], skipInvalid: boolean): SkipInvalid =>
  skipInvalid &&
  (({ count, first }) => {
    const rest = count > first.length ? `, the first ${first.length} of them` : '';
    stderr.write(`${count} records cannot be used and are left out${rest}:\n`);
    for (const record of first) stderr.write(`  ${record}\n`);
  });
