/**
 * Options that are objects at work and not data: a device, a model, a tokenizer. An option takes any object that has
 * the methods by which such an object is used, so that one of another copy of the package, or of the caller's own
 * making, counts. It is passed on as it is.
 */
import * as z from 'zod';

/** @param words what messages call it: 'a device, as openDevice gives it after await' */
export const instance = <T>(words: string, ...methods: readonly string[]) =>
  special<T>(words, (value) => hasMethods(value, ...methods));

/** What a schema of data cannot say: a path or a store, a list of typed arrays. */
export const special = <T>(words: string, test: (value: unknown) => boolean) => z.custom<T>(test, words);

export const hasMethods = (value: unknown, ...methods: readonly string[]): boolean =>
  methods.every((method) => typeof Object(value)[method] === 'function');

/** What stops work. */
export const signalOption = instance<AbortSignal>('an AbortSignal', 'addEventListener', 'throwIfAborted');

/**
 * A schema for each field that options have, and for no other: `z.strictObject({ ... } satisfies Fields<LoadOptions>)`.
 * The interface says what a field means, its schema which values it takes.
 */
export type Fields<Options> = { readonly [Name in keyof Options]-?: z.ZodType<unknown, Loose<Options[Name]>> };

/** Schemas take `undefined` for absent, where the types of this package leave a field out. */
type Loose<Value> = Value extends object ? { readonly [Name in keyof Value]: Value[Name] | undefined } : Value;
