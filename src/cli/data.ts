/** The options of commands that read data files. */
import * as z from 'zod';
import { type InstructionFields, type RecordKind, recordKind, type SkipInvalid } from '../index.js';
import { counted } from './format.js';
import { flag, given, optional, text } from './options.js';
import { note, shownOn, type Terminal } from './terminal.js';

const known = ['instruction', 'input', 'output'];
const example = 'instruction=question,input=context,output=answer';
const expected = `names of fields with commas between them, as in ${example}`;
const fieldNames = z.string().transform((text, context): InstructionFields => {
  const pairs = text.split(',').map((pair) => pair.split('='));
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (pairs.some(([, theirs, ...more]) => !theirs || more.length > 0)) return refuse(expected);
  const names = pairs.map(([ours]) => ours as string);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    return refuse(`one of ${known.join(', ')} before each =, found ${unknown}. As in ${example}`);
  }
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return refuse(`each of ${known.join(', ')} once, found ${twice} twice`);
  return Object.fromEntries(pairs);
});

/** A message of the API in which fields are named, as they are typed: --fields instruction=question,output=answer. */
export const spellFields = (message: string): string =>
  message.replace(/\bfields: \{ (\w+: '\w+'(?:, \w+: '\w+')*) \}/, (_, pairs: string) => {
    const names = pairs.replace(/(\w+): '(\w+)'/g, '$1=$2').replaceAll(', ', ',');
    return `--fields ${names}`;
  });

export const recordOptions = {
  fields: optional(
    '<names>',
    fieldNames,
    "the data's own names: instruction=question,output=answer (default: those of Alpaca and Dolly)",
  ),
  languages: optional(
    '<pair>',
    text.refine((pair) => /^[a-z]{2,3}-[a-z]{2,3}$/.test(pair), 'two languages, as in en-de'),
    'which way translations go, as in en-de (default: from the language of the file that is named, or of the first field)',
  ),
  skipInvalid: flag('leaves records out that cannot be used, and says how many (default: they end the command)'),
};

/** The options that say what of a record is what, as the API takes them. */
export const recordNames = ({
  fields,
  languages,
}: {
  fields: InstructionFields | undefined;
  languages: string | undefined;
}) => given({ fields, languages });

/** What the first record of data is, and what follows from that for its template. */
export async function kindOfData(
  data: readonly string[],
  options: Parameters<typeof recordNames>[0],
): Promise<{ readonly kind: RecordKind; readonly areChats: boolean; readonly haveT5Prefix: boolean }> {
  const kind = await recordKind(data, recordNames(options));
  return { kind, areChats: kind === 'conversation', haveT5Prefix: kind === 'summary' || kind === 'translation' };
}

/** Tells how many records were left out, and the first of them. */
export const skipping = (stderr: Terminal['stderr'], skipInvalid: boolean): SkipInvalid =>
  skipInvalid &&
  (({ count, first }) => {
    const rest = count > first.length ? `, the first ${first.length} of them` : '';
    note(stderr, `${counted(count, 'record', 'are')} left out, which cannot be used${rest}:`);
    for (const record of first) stderr.write(`  ${shownOn(stderr, record)}\n`);
  });
