import { parseArgs } from 'node:util';
import type { Suite } from '../frame/suite.ts';

type Options = Readonly<Record<string, { type: 'string' | 'boolean' }>>;
type Choice =
  | { readonly chosen: readonly Suite[]; readonly values: Readonly<Record<string, string | boolean | undefined>> }
  | { readonly refused: string };

/**
 * What the command line `words` ask for: the suites that it names, or those whose names begin with `--filter`, and the values
 * of the other options.
 * Of what cannot be followed, why, and which suites there are.
 */
export function chooseSuites(
  suites: readonly Suite[],
  { words = process.argv.slice(2), options = {} }: { words?: string[]; options?: Options } = {},
): Choice {
  const names = `Suites: ${suites.map(({ name }) => name).join(', ')}`;
  try {
    const { values, positionals } = parseArgs({
      ...{ args: words, options: { ...options, filter: { type: 'string' } }, allowPositionals: true },
    });
    const { filter } = values;
    const unknown = positionals.find((word) => suites.every(({ name }) => name !== word));
    if (unknown !== undefined) return { refused: `There is no suite '${unknown}'. ${names}` };
    if (positionals.length > 0 && filter !== undefined) {
      return { refused: `Suites are named, and --filter is given. Leave one out. ${names}` };
    }
    const chosen = suites.filter(({ name }) =>
      positionals.length > 0 ? positionals.includes(name) : name.startsWith(`${filter ?? ''}`),
    );
    return chosen.length > 0 ? { chosen, values } : { refused: `No suite's name begins with '${filter}'. ${names}` };
  } catch (error) {
    // Its second sentence is about words that begin with '-', of which we take none.
    return { refused: `${(error as Error).message.split('. ')[0]}. ${names}` };
  }
}
