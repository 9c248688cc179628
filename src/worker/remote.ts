/**
 * The page's side: handles of what is in the worker. A handle has the methods of its object, whose calls are promises,
 * and its properties, which `await` reads. `host.ts` is the worker's side.
 */
import { type Remote as ComlinkRemote, proxy, transfer } from 'comlink';
import { DeviceError, OptionError } from '../errors.js';
import { readError, type WrittenError, writeError } from './errorWire.js';
import type { Host, Outcome } from './host.js';
import { givesIterable } from './iterables.js';
import { isTransferred } from './transferred.js';
import { buffersOf, fromWire, type Mark, toWire } from './wire.js';

/** The way to one worker. */
export interface Connection {
  readonly host: ComlinkRemote<Host>;
  /** What is waited for is refused from now on, with this error. */
  fail(error: Error): void;
  /** Waits for what the worker does, or for its end. @throws what `fail` was given */
  wait<T>(work: () => Promise<T>): Promise<T>;
  /** A handle of an object in the worker; its API is 0. */
  handle(id: number): object;
}

/** Numbers of objects by their handles, and the connection that they belong to. */
const handles = new WeakMap<object, { readonly connection: Connection; readonly id: number }>();

/** @param host the worker's side by comlink */
export function connect(host: ComlinkRemote<Host>): Connection {
  const waiting = new Set<(error: Error) => void>();
  let failure: Error | undefined;
  const released = new FinalizationRegistry<{ kind: 'object' | 'signal'; id: number }>(({ kind, id }) => {
    if (kind === 'signal') signalsById.delete(id);
    if (!failure) void host.release(kind, id);
  });
  const signals = new WeakMap<AbortSignal, number>();
  /** Weakly: a signal that nobody has any more cannot come back as a reason. */
  const signalsById = new Map<number, WeakRef<AbortSignal>>();
  let lastSignal = 0;

  const wait: Connection['wait'] = (work) =>
    new Promise((resolve, reject) => {
      if (failure) return reject(failure);
      waiting.add(reject);
      work()
        .then(resolve, reject)
        .finally(() => waiting.delete(reject));
    });

  const read = (wire: unknown): unknown =>
    fromWire(wire, (mark) => {
      if (mark.kind === 'object') return connection.handle(mark.id);
      if (mark.kind === 'reason') return signalsById.get(mark.id)?.deref()?.reason;
      if (mark.kind === 'error') return readError(read(mark.error) as WrittenError);
      throw new DeviceError(`The worker has sent a ${mark.kind}, which is of another version of this package.`);
    });
  const settled = (outcome: Outcome): unknown => {
    if ('error' in outcome) throw read(outcome.error);
    return read(outcome.value);
  };

  const signalMark = (signal: AbortSignal): Mark => {
    const id = signals.get(signal) ?? ++lastSignal;
    if (!signals.has(signal)) {
      signals.set(signal, id);
      signalsById.set(id, new WeakRef(signal));
      released.register(signal, { kind: 'signal', id });
      signal.addEventListener('abort', () => !failure && void host.abort(id, reasonOf(signal)));
    }
    return { kind: 'signal', id, ...(signal.aborted && { reason: reasonOf(signal) }) };
  };
  const reasonOf = ({ reason }: AbortSignal): unknown => {
    try {
      return toWire(reason, errorMark, 'reason');
    } catch {
      return String(reason);
    }
  };
  const errorMark = (value: object): Mark | undefined =>
    value instanceof Error
      ? { kind: 'error', error: writeError(value, (inside) => toWire(inside, errorMark, 'error')) }
      : undefined;

  /** Arguments as they travel, the listeners among them, and the buffers that are moved. */
  const pack = (where: string, given: unknown) => {
    const listeners: ((told: unknown) => void)[] = [];
    const buffers = new Set<ArrayBuffer>();
    const mark = (value: object, place: string): Mark | undefined => {
      const handle = handles.get(value);
      if (handle && handle.connection !== connection) {
        throw new OptionError(`${place} is a handle of another worker. Make it by the API of this one.`);
      }
      if (handle) return { kind: 'object', id: handle.id };
      if (value instanceof AbortSignal) return signalMark(value);
      if (typeof value === 'function' && /[.[]on[A-Z]\w*$/.test(place)) {
        const tell = value as (...told: unknown[]) => unknown;
        // What it throws is nothing that the worker could do anything about.
        const told = async (wire: unknown) => {
          tell(...(read(wire) as unknown[]));
        };
        listeners.push(proxy((wire: unknown) => void told(wire)));
        return { kind: 'listener', index: listeners.length - 1 };
      }
      return errorMark(value);
    };
    const args = (given as readonly unknown[]).map((argument, index) => {
      const wire = toWire(argument, mark, `${where}: ${index === 0 ? 'the first argument' : 'options'}`);
      if (!isTransferred(argument)) return wire;
      const found = buffersOf(wire);
      for (const buffer of found.buffers) buffers.add(buffer);
      return found.value;
    });
    return { args: transfer(args, [...buffers]), listeners };
  };

  const call = async (id: number, name: string, given: readonly unknown[]): Promise<unknown> => {
    const { args, listeners } = pack(name, given);
    return settled(await wait(() => host.call(id, name, args, ...listeners)));
  };
  const get = async (id: number, name: string) => settled(await wait(() => host.get(id, name)));
  async function* iterate(id: number): AsyncGenerator<unknown, void, undefined> {
    const iterator = settled(await wait(() => host.iterate(id))) as AsyncIterator<unknown>;
    let isEnded = false;
    try {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done) {
          isEnded = true;
          return;
        }
        yield value;
      }
    } catch (error) {
      // The iterator in the worker has ended by it.
      isEnded = true;
      throw error;
    } finally {
      if (!isEnded) await iterator.return?.();
    }
  }

  /** A method or a property, as it is used. */
  const member = (id: number, name: string) => {
    const method = (...given: readonly unknown[]) => {
      const result = call(id, name, given);
      // What nobody iterates does nothing, and so does its refusal: unheard, it would end a Node process. `for await` throws it.
      if (id === 0 && givesIterable(name)) result.catch(() => {});
      // So that `for await` takes what a call gives without a further `await`.
      return Object.assign(result, {
        async *[Symbol.asyncIterator]() {
          yield* (await result) as AsyncIterable<unknown>;
        },
      });
    };
    const then: PromiseLike<unknown>['then'] = (resolve, reject) => get(id, name).then(resolve, reject);
    return Object.assign(method, { then });
  };

  const connection: Connection = {
    host,
    wait,
    fail(error) {
      failure ??= error;
      for (const reject of waiting) reject(failure);
    },
    handle(id) {
      const handle = new Proxy(() => {}, {
        get(_, name) {
          if (name === Symbol.asyncIterator) return () => iterate(id);
          if (name === Symbol.dispose || name === Symbol.asyncDispose) return () => call(id, 'dispose', []);
          // A handle is no promise, and does not say what JSON of it were.
          return typeof name === 'string' && name !== 'then' && name !== 'toJSON' ? member(id, name) : undefined;
        },
        set(_, name, value) {
          if (typeof name !== 'string') return false;
          const { args } = pack(name, [value]);
          void wait(() => host.set(id, name, args[0])).then(settled);
          return true;
        },
      });
      handles.set(handle, { connection, id });
      if (id !== 0) released.register(handle, { kind: 'object', id });
      return handle;
    },
  };
  return connection;
}
