/**
 * Options of metrics, checked by hand: a page that scores answers need not load the library of the schemas.
 */
import { refusedOption, requireFields, unknownOptions } from '../requireOption.js';

/** One option: its default, the values that it takes, and these in words for messages. */
export interface MetricOption<T> {
  readonly fallback: T;
  readonly expected: string;
  readonly takes: (value: unknown) => boolean;
}

type Table = Readonly<Record<string, MetricOption<unknown>>>;
/** The options of a table with their defaults. */
export type MetricValues<Options extends Table> = { readonly [Name in keyof Options]: Options[Name]['fallback'] };

export const switched = (fallback: boolean): MetricOption<boolean> => ({
  fallback,
  expected: 'true or false',
  takes: (value) => typeof value === 'boolean',
});

export const wholeNumber = (fallback: number, least: number): MetricOption<number> => ({
  fallback,
  expected: `an integer of at least ${least}`,
  takes: (value) => Number.isSafeInteger(value) && (value as number) >= least,
});

export const oneOf = <const Name extends string>(
  names: readonly Name[],
  fallback: NoInfer<Name>,
): MetricOption<Name> => ({
  fallback,
  expected: `one of ${names.join(', ')}`,
  takes: (value) => (names as readonly unknown[]).includes(value),
});

/**
 * The options with their defaults.
 * @param where begins messages: the function whose options these are
 * @throws OptionError for what is no object of options, and for unknown and wrong ones
 */
export function metricOptions<const Options extends Table>(
  where: string,
  table: Options,
  options: unknown,
): MetricValues<Options> {
  requireFields(where, options);
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(table, name));
  if (unknown.length > 0) throw unknownOptions(where, unknown, Object.keys(table));
  const values = Object.entries(table).map(([name, { fallback, expected, takes }]) => {
    const value = options[name];
    if (value === undefined) return [name, fallback];
    if (!takes(value)) throw refusedOption(where, name, value, expected);
    return [name, value];
  });
  return Object.fromEntries(values) as MetricValues<Options>;
}
