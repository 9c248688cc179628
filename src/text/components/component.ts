/**
 * What the stages of a tokenizer.json have in common: a component is read by its `type`, a Sequence is a list of them, and
 * what is not known is refused by name.
 */
import * as z from 'zod';
import { CheckpointError } from '../../errors.js';
import { inWords, quoted } from '../../inWords.js';
import { parse } from '../../settings/index.js';
import type { Installer } from '../installer.js';

/** Puts a component into the WebAssembly instance of a tokenizer. */
export type Install = (into: Installer) => void;

/** One type of component, and how its fields are read. */
export interface Component<Read = Install> {
  readonly type: string;
  /** @param where names the component, for errors */
  read(fields: object, where: string): Read;
}

/** A component whose fields have a schema. */
export const component = <Schema extends z.ZodType, Read = Install>(
  type: string,
  schema: Schema,
  read: (fields: z.output<Schema>, where: string) => Read,
): Component<Read> => ({ type, read: (fields, where) => read(check(schema, fields, where), where) });

/** A stage of the pipeline: one field of tokenizer.json. */
export interface Stage<Read = Install> {
  readonly field: string;
  /** The field in which a Sequence has its list. */
  readonly list: string;
  readonly components: readonly Component<Read>[];
}

/** A component that was read. */
export interface ReadComponent<Read> {
  readonly type: string;
  readonly read: Read;
}

/** Sequences in Sequences that are followed. */
const deepestSequence = 8;

/** The components of a stage, Sequences unfolded. @throws CheckpointError naming what is unknown or malformed */
export function readStage<Read>(stage: Stage<Read>, json: unknown, depth = 0): ReadComponent<Read>[] {
  if (json === null || json === undefined) return [];
  const type = (json as { type?: unknown }).type;
  const where = `tokenizer.json: ${stage.field}`;
  if (type === 'Sequence') {
    const parts = (json as Record<string, unknown>)[stage.list];
    if (!Array.isArray(parts) || depth === deepestSequence) throw unsupported(stage, typeOf(json));
    return parts.flatMap((part) => readStage(stage, part, depth + 1));
  }
  const known = stage.components.find((each) => each.type === type);
  if (!known) throw unsupported(stage, typeOf(json));
  return [{ type: known.type, read: known.read(json, `${where} ${known.type}`) }];
}

function unsupported(stage: Stage<unknown>, found: string): CheckpointError {
  const known = [...stage.components.map(({ type }) => type), `Sequence of these (${stage.list})`];
  return unsupportedIn(`${stage.field} ${found}`, `one of ${known.join(', ')}`);
}

export const unsupportedIn = (found: string, expected: string): CheckpointError =>
  new CheckpointError(`tokenizer.json: ${found} is not supported, expected ${expected}.`, { found, expected });

/** Type of a component of tokenizer.json, with what a Sequence consists of. */
function typeOf(json: unknown, depth = 0): string {
  if (!json || typeof json !== 'object') return inWords(json);
  const { type, ...rest } = json as { type?: unknown };
  const parts = Object.values(rest).find(Array.isArray);
  if (type !== 'Sequence' || !parts) return typeof type === 'string' ? type : inWords(type);
  return depth === deepestSequence ? '...' : `Sequence [${parts.map((part) => typeOf(part, depth + 1)).join(', ')}]`;
}

/** @throws CheckpointError naming the first wrong field */
export const check = <Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> =>
  parse(schema, value, ({ path, found, message }) => {
    return new CheckpointError(
      `${where}: ${path || 'content'} is ${found === undefined ? 'missing' : quoted(found)}, expected ${message}.`,
      {
        found,
        expected: message,
      },
    );
  });

/** A pattern as tokenizer.json has it: a text, or a regular expression. */
export const patternField = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);
export type PatternField = z.output<typeof patternField>;

/** One character, as a string. */
export const characterField = z.string().refine((text) => [...text].length === 1, 'one character');
