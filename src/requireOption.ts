/**
 * The forms that refusals of options and arguments have: where, which one, what was found, what was expected, and the
 * nearest name that there is.
 */
import { OptionError } from './errors.js';
import { inWords, short } from './inWords.js';

/** @throws OptionError unless `ok` */
export function requireOption(where: string, option: string, found: unknown, ok: boolean, expected: string): void {
  if (!ok) throw refusedOption(where, option, found, expected);
}

/** @param advice what to do, as a sentence; '' for nothing beyond what was expected */
export const refusedOption = (
  where: string,
  option: string,
  found: unknown,
  expected: string,
  advice = '',
): OptionError => {
  const message = `${where}: ${option} is ${inWords(found)}, expected ${expected}.${advice && ` ${advice}`}`;
  return new OptionError(message, { option, found, expected });
};

/**
 * Names that there are not.
 * @param known those that there are; none where that cannot be said
 * @param place begins each name: 'validation.' of a group
 */
export function unknownOptions(
  where: string,
  names: readonly string[],
  known: readonly string[],
  place = '',
): OptionError {
  const list = (each: readonly string[]) => each.map((name) => place + name).join(', ');
  const expected = known.length > 0 ? `, expected one of ${list(known)}` : '';
  const advice = didYouMean(names[0], known, place);
  const message = `${where}: there is no option ${short(list(names))}${expected}.${advice && ` ${advice}`}`;
  return new OptionError(message, { found: names, ...(known.length > 0 && { expected: known }) });
}

/** 'Did you mean alpha?' where one of the known names is a slip away from what was written, else ''. */
export function didYouMean(written: unknown, known: readonly string[], place = ''): string {
  if (typeof written !== 'string' || written.length > 100) return '';
  const slips = known.map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }));
  const [nearest] = slips.sort((a, b) => a.distance - b.distance);
  return nearest && nearest.distance <= Math.max(1, Math.floor(written.length / 3))
    ? `Did you mean ${place}${nearest.name}?`
    : '';
}

/** Letters added, left out, replaced, or exchanged with their neighbour, each no more than once (optimal string alignment). */
function editDistance(a: string, b: string): number {
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
