/** What the API of a worker takes and gives, made of the types of the API itself. */
import type { Sample } from '../data/batch.js';
import type { TextAnswer } from '../generation/generateText.js';

type AnyFunction = (...given: never[]) => unknown;

/** What goes to another thread as it is. */
type Data =
  | ArrayBufferLike
  | ArrayBufferView
  | Blob
  | Date
  | Error
  | RegExp
  | URL
  | bigint
  | boolean
  | null
  | number
  | string
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: what functions give that give nothing.
  | void;

type MethodName<T> = { [K in keyof T]: T[K] extends AnyFunction ? K : never }[keyof T];

/** Whether it is an object at work, which stays in its thread, and no data. */
type HasMethods<T> = [Exclude<MethodName<T>, undefined>] extends [never] ? false : true;

/** Samples of a data set, which stay in the worker. They are given to trainings as they are. */
export interface RemoteSamples<E extends Sample = Sample> {
  /** How many there are. */
  readonly length: PromiseLike<number>;
  /** A copy of one, counted from 0; from the end where `index` is negative. */
  at(index: number): Promise<E | undefined>;
}

/** A value of the worker as the page gets it: data as they are, objects at work and data sets as handles. */
export type Received<T> = unknown extends T
  ? T
  : T extends Data
    ? T
    : T extends readonly (infer E extends Sample)[]
      ? E extends TextAnswer // Which has a sample's fields, too.
        ? readonly E[]
        : RemoteSamples<E>
      : T extends ReadonlyMap<infer K, infer V>
        ? ReadonlyMap<K, Received<V>>
        : T extends ReadonlySet<infer V>
          ? ReadonlySet<V>
          : T extends readonly (infer E)[]
            ? readonly Received<E>[]
            : HasMethods<T> extends true
              ? Remote<T>
              : { readonly [K in keyof T]: Received<T[K]> };

/** A value for the worker as the page gives it: handles in the place of objects at work. */
export type Sent<T> = unknown extends T
  ? T
  : T extends AbortSignal | AnyFunction | Data
    ? T
    : T extends readonly (infer E extends Sample)[]
      ? RemoteSamples<E> | T
      : T extends readonly (infer E)[]
        ? readonly Sent<E>[]
        : HasMethods<T> extends true
          ? Remote<T>
          : { readonly [K in keyof T]: Sent<T[K]> };

/** What a call gives: a promise, which `for await` takes as well where what it gives can be iterated. */
export type Call<T> = Promise<Received<T>> & (T extends AsyncIterable<infer E> ? AsyncIterable<Received<E>> : unknown);

/** A member of an object in the worker: a method, or a property that `await` reads. */
export type Member<T> = T extends (...given: infer Given) => infer Result
  ? (...given: { [I in keyof Given]: Sent<Given[I]> }) => Call<Awaited<Result>>
  : PromiseLike<Received<T>>;

/** A handle of an object in the worker. The object may be collected there when nothing refers to its handles any more. */
export type Remote<T> = {
  readonly [K in keyof T as K extends string ? K : never]: Member<T[K]>;
} & (T extends AsyncIterable<infer E> ? AsyncIterable<Received<E>> : unknown);
