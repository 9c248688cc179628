/**
 * A choice among several kinds, each with options of its own, as plain data: `{ kind: 'skewKL', alpha: 0.1, ... }`.
 * Losses and policies are such choices. A kind is a file that calls `variant`, and a line in its folder's table.
 */
import * as z from 'zod';
import { checkOptions } from './check.js';

/** The data of one kind, with all its options. */
export type VariantData<Kind extends string, Options> = {
  /** Which kind it is. */
  readonly kind: Kind;
} & Readonly<Options>;

/**
 * Makes the data of one kind. `Given` are its options, `Full` the same with all defaults filled in.
 * @throws OptionError
 */
export interface Variant<Kind extends string, Given, Full> {
  (options?: Readonly<Given>): VariantData<Kind, Full>;
  /** Which kind this is. */
  readonly kind: Kind;
  /** The schema of its options. */
  readonly options: z.ZodObject;
}

/** @param behaviour what the code that works with the data needs to know of the kind */
export function variant<const Kind extends string, Options extends z.ZodObject, Behaviour extends object>(
  kind: Kind,
  options: Options,
  behaviour: Behaviour,
): Variant<Kind, z.input<Options>, z.output<Options>> & Behaviour {
  const make = (given: unknown = {}) => ({ kind, ...checkOptions(kind, options, given) });
  return Object.assign(
    make as unknown as Variant<Kind, z.input<Options>, z.output<Options>>,
    { kind, options },
    behaviour,
  );
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds kinds of any options.
export type VariantTable = Readonly<Record<string, Variant<any, any, any>>>;
/** The data of any kind of a table. */
export type DataOf<Table extends VariantTable> = ReturnType<Table[keyof Table]>;

/** Takes the data of every kind of the table: from its factory, or from JSON. */
export function variantSchema<Table extends VariantTable>(table: Table): z.ZodType<DataOf<Table>> {
  const kinds = Object.values(table).map(({ kind, options }) => options.safeExtend({ kind: z.literal(kind) }));
  const names = Object.keys(table).join(', ');
  // zod's own type of this union has no use for a list whose members are known at run time only.
  return z.discriminatedUnion('kind', kinds as never, `one of ${names}`) as never;
}
