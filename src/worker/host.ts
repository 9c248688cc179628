/**
 * The worker's side: calls functions of the API and methods of what they gave, and keeps the objects that the page has
 * handles to. `remote.ts` is the page's side.
 */
import { transfer } from 'comlink';
import { CompatibilityError, DisposedError, OptionError } from '../errors.js';
import { didYouMean } from '../requireOption.js';
import { readError, type WrittenError, writeError } from './errorWire.js';
import { buffersOf, fromWire, isData, type Mark, toWire } from './wire.js';

/** What a call came to, as it travels: a value, or an error. */
export interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
}

/** A function of the page, that is told and not waited for. */
export type Listener = (given: unknown) => void;

/** What the worker offers to the page. Targets are numbers of objects; 0 is the API itself. */
export interface Host {
  /** The version of the package that the worker runs. */
  version(): string;
  /** Calls a method. Marks among the arguments name listeners by their place in `listeners`. */
  call(target: number, name: string, given: unknown, ...listeners: Listener[]): Promise<Outcome>;
  /** Reads a property. */
  get(target: number, name: string): Promise<Outcome>;
  /** Sets a property. */
  set(target: number, name: string, value: unknown): Promise<Outcome>;
  /** Begins to iterate an object: gives a handle of the iterator. */
  iterate(target: number): Promise<Outcome>;
  /** A signal of the page says so. */
  abort(signal: number, reason: unknown): void;
  /** The page has no handle to the object, or no such signal, any more. */
  release(kind: 'object' | 'signal', id: number): void;
  /** The page is hidden or goes: runs write their states after the step in progress. */
  saveRuns(): void;
}

/** Names that every object has are no methods of ours. */
const isOwnName = (name: string): boolean => !(name in Object.prototype);

/** The samples of a data set: the page gets a handle, for they are many. Answers, which have the same fields and more, are none. */
const areSamples = (value: object): boolean => {
  const [first] = Array.isArray(value) ? value : [];
  return ArrayBuffer.isView(Object(first).ids) && 'promptLength' in Object(first) && !('finishReason' in Object(first));
};

/** @param api what target 0 is */
export function createHost(api: object, version: string): Host {
  const objects = new Map<number, object>([[0, api]]);
  const signals = new Map<number, AbortController>();
  /** Signals of the page by the reasons that they were aborted for: the page gets its own reason again. */
  const reasons = new WeakMap<object, number>();
  let last = 0;
  const keep = (object: object): Mark => {
    objects.set(++last, object);
    return { kind: 'object', id: last };
  };
  const mark = (value: object): Mark | undefined => {
    const reason = reasons.get(value);
    if (reason !== undefined) return { kind: 'reason', id: reason };
    if (value instanceof Error) return { kind: 'error', error: writeError(value, write) };
    return areSamples(value) || (typeof value === 'object' && !isData(value)) ? keep(value) : undefined;
  };
  const write = (value: unknown): unknown => toWire(value, mark, 'the result');
  const find = (id: number): object => {
    const object = objects.get(id);
    if (object) return object;
    throw new DisposedError('The object is not in this worker any more. Make it again.');
  };
  /** @throws OptionError for a member that there is not */
  const member = (target: number, name: string): unknown => {
    const owner = find(target) as Readonly<Record<string, unknown>>;
    if (name in owner && isOwnName(name)) return owner[name];
    const where = target === 0 ? "the worker's API" : 'the object in the worker';
    const advice = didYouMean(name, Object.keys(owner));
    throw new OptionError(`${where} has no '${name}'.${advice && ` ${advice}`}`, { option: name, found: name });
  };
  const signalOf = (id: number, reason: unknown): AbortSignal => {
    const controller = signals.get(id) ?? new AbortController();
    signals.set(id, controller);
    if (reason !== undefined) abort(id, reason);
    return controller.signal;
  };
  const abort = (id: number, wire: unknown) => {
    const reason = read(wire);
    if (typeof reason === 'object' && reason !== null) reasons.set(reason, id);
    signals.get(id)?.abort(reason);
  };
  const read = (wire: unknown, listeners: readonly Listener[] = []): unknown =>
    fromWire(wire, (mark) => {
      if (mark.kind === 'object') return find(mark.id);
      if (mark.kind === 'signal') return signalOf(mark.id, mark.reason);
      if (mark.kind === 'error') return readError(read(mark.error) as WrittenError);
      const listener = mark.kind === 'listener' ? listeners[mark.index] : undefined;
      if (!listener) throw new CompatibilityError(`The worker knows no ${mark.kind}. Take it from the same version.`);
      return (...given: readonly unknown[]) => listener(write(given));
    });
  /** @param moves buffers in the result are nobody's but the page's */
  const settle = async (work: () => unknown, { moves = false } = {}): Promise<Outcome> => {
    try {
      const value = write(await work());
      if (!moves) return { value };
      const { value: whole, buffers } = buffersOf(value);
      return transfer({ value: whole }, [...buffers]);
    } catch (error) {
      return { error: write(error) };
    }
  };
  return {
    version: () => version,
    call: (target, name, given, ...listeners) =>
      settle(
        () => {
          const method = member(target, name);
          if (typeof method !== 'function') throw new OptionError(`'${name}' is no function. Read it by await.`);
          return method.apply(find(target), read(given, listeners));
        },
        // Samples stay in their data set.
        { moves: !areSamples(Object(objects.get(target))) },
      ),
    get: (target, name) =>
      settle(() => {
        const value = member(target, name);
        if (typeof value === 'function') throw new OptionError(`'${name}' is a function. Call it.`);
        return value;
      }),
    set: (target, name, value) =>
      settle(() => {
        member(target, name);
        (find(target) as Record<string, unknown>)[name] = read(value);
      }),
    iterate: (target) =>
      settle(() => {
        const object = find(target) as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
        const iterator = object[Symbol.asyncIterator]?.() ?? object[Symbol.iterator]?.();
        if (iterator) return iterator;
        throw new OptionError('The object in the worker cannot be iterated.');
      }),
    abort,
    release(kind, id) {
      if (kind === 'signal') signals.delete(id);
      else objects.delete(id);
    },
    saveRuns() {
      for (const object of objects.values()) {
        if ('requestSave' in object && typeof object.requestSave === 'function') object.requestSave();
      }
    },
  };
}
