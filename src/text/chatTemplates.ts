/** The chat templates among a tokenizer's files, as texts: what they do is not looked at here. */
import * as z from 'zod';
import { check } from './components/component.js';

/** One template; several with names; older files have several as an object. */
const Templates = z.union(
  [
    z.string().transform((template) => new Map([['default', template]])),
    z
      .array(z.object({ name: z.string(), template: z.string() }))
      .transform((list) => new Map(list.map(({ name, template }) => [name, template]))),
    z.record(z.string(), z.string()).transform((named) => new Map(Object.entries(named))),
  ],
  'a text, or a list of { name, template }',
);

/**
 * Templates by name. A file of its own, chat_template.jinja, comes before what tokenizer_config.json calls 'default'.
 * @throws CheckpointError
 */
export function chatTemplatesOf(
  { chat_template: given }: Readonly<Record<string, unknown>>,
  file: string | undefined,
): ReadonlyMap<string, string> {
  const named =
    given === undefined || given === null ? new Map() : check(Templates, given, 'tokenizer_config.json: chat_template');
  return new Map([...named, ...(file === undefined ? [] : [['default', file] as const])]);
}
