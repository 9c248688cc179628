/**
 * The forms that refusals of options and arguments have: where, which one, what was found, what was expected, and the
 * nearest name that there is.
 */
import { OptionError } from './errors.js';
import { inWords, isPlainObject, short } from './inWords.js';

/** @throws OptionError unless `ok` */
export function requireOption(where: string, option: string, found: unknown, ok: boolean, expected: string): void {
  if (!ok) throw refusedOption(where, option, found, expected);
}

/** @throws OptionError unless these are the fields of a plain object */
export function requireFields(where: string, options: unknown): asserts options is Readonly<Record<string, unknown>> {
  if (!isPlainObject(options)) throw refusedOption(where, 'options', options, 'an object of options');
}

/** @param advice what to do, as a sentence; '' for nothing beyond what was expected */
export const refusedOption = (
  where: string,
  option: string,
  found: unknown,
  expected: string,
  advice = '',
  words = inWords(found),
): OptionError => {
  const message = `${where}: ${option} is ${words}, expected ${expected}.${advice && ` ${advice}`}`;
  return new OptionError(message, { option, found, expected });
};

/**
 * Names that there are not.
 * @param known those that there are; none where that cannot be said
 * @param place begins each name: 'validation.' of a group
 * @param more.inside paths of options in groups, by what a caller may take for them: 'threads' is 'wasm.threads'
 * @param more.instead what to do in place of the first of the names, as a sentence
 */
export function unknownOptions(
  where: string,
  names: readonly string[],
  known: readonly string[],
  place = '',
  {
    inside = new Map(),
    instead,
  }: { readonly inside?: ReadonlyMap<string, readonly string[]>; readonly instead?: string | undefined } = {},
): OptionError {
  const list = (each: readonly string[]) => each.map((name) => place + name).join(', ');
  const expected = known.length > 0 ? `, expected one of ${list(known)}` : '';
  const [written = ''] = names;
  const advice =
    instead ||
    whole(inside.get(written), place) ||
    didYouMean(written, known, place) ||
    whole(inside.get(nearest(written, [...inside.keys()]) ?? ''), place);
  const message = `${where}: there is no option ${short(list(names))}${expected}.${advice && ` ${advice}`}`;
  return new OptionError(message, {
    ...(names.length === 1 && { option: place + written }),
    found: names,
    ...(known.length > 0 && { expected: known }),
  });
}

const whole = (paths: readonly string[] = [], place: string): string =>
  paths.length === 0 ? '' : `Did you mean ${paths.map((path) => place + path).join(' or ')}?`;

/** 'Did you mean alpha?' where one of the known names is a slip away from what was written, else ''. */
export function didYouMean(written: unknown, known: readonly string[], place = ''): string {
  const near = nearest(written, known);
  return near === undefined ? '' : `Did you mean ${place}${near}?`;
}

/** The known name that is a slip away from what was written; undefined where none is. */
export function nearest(written: unknown, known: readonly string[]): string | undefined {
  if (typeof written !== 'string' || written.length > 100) return undefined;
  const slips = known.map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }));
  const [first] = slips.sort((a, b) => a.distance - b.distance);
  return first && first.distance <= Math.max(1, Math.floor(written.length / 3)) ? first.name : undefined;
}

/** Letters added, left out, replaced, or exchanged with their neighbour, each no more than once (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? (before[j - 2] as number) + 1 : Infinity;
      row.push(Math.min(replaced, (last[j] as number) + 1, (row[j - 1] as number) + 1, swapped));
    }
    [before, last] = [last, row];
  }
  return last[b.length] as number;
}
