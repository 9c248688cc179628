/**
 * Values on their way between two threads. Data go as they are, by structured clone. In the place of what is no data (a
 * model, a signal, an error) a mark goes, an object with one field of a name that nothing else has; which marks there are,
 * each side says (`host.ts`, `remote.ts`).
 */
import { OptionError } from '../errors.js';
import { inWords, isPlainObject } from '../inWords.js';

const MARK = '@distillm';

/** What goes in the place of a value that is no data. */
export type Mark =
  | { readonly kind: 'object'; readonly id: number }
  | { readonly kind: 'signal'; readonly id: number; readonly reason?: unknown }
  | { readonly kind: 'reason'; readonly id: number }
  | { readonly kind: 'listener'; readonly index: number }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'url'; readonly href: string }
  | { readonly kind: 'entries'; readonly entries: readonly (readonly [string, unknown])[] };

/** The mark of an object or a function that does not go as data; undefined for one that does. */
export type Marking = (value: object, place: string) => Mark | undefined;

/** Objects without methods of ours that structured clone copies as they are. */
const cloned = new Set([
  ...['ArrayBuffer', 'Blob', 'Date', 'File', 'FileSystemDirectoryHandle', 'FileSystemFileHandle', 'RegExp'],
  'SharedArrayBuffer',
]);
const isCloned = (value: object): boolean =>
  ArrayBuffer.isView(value) || cloned.has(Object.prototype.toString.call(value).slice(8, -1));

/** Whether a value can be copied field by field. */
const hasFields = (value: object): boolean =>
  Array.isArray(value) || value instanceof Map || value instanceof Set || isPlainObject(value);

/** Whether it is data, but for what its fields hold: no instance of a class, and no object with methods of its own. */
export const isData = (value: object): boolean =>
  isCloned(value) || (hasFields(value) && !Object.values(value).some((field) => typeof field === 'function'));

/**
 * The value as it travels.
 * @param place what messages call it: 'loadModel: options'
 * @throws OptionError, naming the place, for what neither is data nor gets a mark, and for data that hold themselves
 */
export function toWire(value: unknown, mark: Marking, place: string): unknown {
  const around = new Set<object>();
  const write = (value: unknown, place: string): unknown => {
    if (typeof value === 'symbol') throw noWay(value, place);
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
    // Structured clone knows none.
    if (value instanceof URL) return { [MARK]: { kind: 'url', href: value.href } };
    const marked = mark(value, place);
    if (marked) return { [MARK]: marked };
    if (isCloned(value)) return value;
    if (!hasFields(value)) throw noWay(value, place);
    if (around.has(value)) throw noWay(value, place, 'It holds itself.');
    around.add(value);
    try {
      return fields(value, place);
    } finally {
      around.delete(value);
    }
  };
  const fields = (value: object, place: string): unknown => {
    if (Array.isArray(value)) return value.map((inside, index) => write(inside, `${place}[${index}]`));
    if (value instanceof Set) return new Set([...value].map((inside) => write(inside, place)));
    if (value instanceof Map) {
      return new Map([...value].map(([key, inside]) => [write(key, place), write(inside, `${place}.${String(key)}`)]));
    }
    const entries = Object.entries(value).map(([name, inside]) => [name, write(inside, `${place}.${name}`)] as const);
    // A field of that name, and one that an assignment would not make a field, go as entries.
    if (Object.hasOwn(value, MARK) || Object.hasOwn(value, '__proto__'))
      return { [MARK]: { kind: 'entries', entries } };
    return Object.fromEntries(entries);
  };
  return write(value, place);
}

/** The value that travelled. @param read what a mark stands for */
export function fromWire(value: unknown, read: (mark: Mark) => unknown): unknown {
  if (typeof value !== 'object' || value === null || isCloned(value)) return value;
  if (Array.isArray(value)) return value.map((inside) => fromWire(inside, read));
  if (value instanceof Set) return new Set([...value].map((inside) => fromWire(inside, read)));
  if (value instanceof Map) {
    return new Map([...value].map(([key, inside]) => [fromWire(key, read), fromWire(inside, read)]));
  }
  const mark = (value as { [MARK]?: Mark })[MARK];
  if (mark?.kind === 'url') return new URL(mark.href);
  const entries = mark === undefined ? Object.entries(value) : mark.kind === 'entries' ? mark.entries : undefined;
  if (entries) return Object.fromEntries(entries.map(([name, inside]) => [name, fromWire(inside, read)]));
  return read(mark as Mark);
}

/**
 * The buffers of what travels, which then are moved in place of copied. A view of a part of a buffer becomes an array of
 * its own first: the rest of the buffer is somebody else's.
 */
export function buffersOf(wire: unknown): { readonly value: unknown; readonly buffers: Set<ArrayBuffer> } {
  const buffers = new Set<ArrayBuffer>();
  const take = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) {
      const { buffer, byteLength } = value;
      if (!(buffer instanceof ArrayBuffer)) return value;
      const whole = byteLength === buffer.byteLength ? value : (value as Uint8Array).slice();
      buffers.add(whole.buffer as ArrayBuffer);
      return whole;
    }
    if (value instanceof ArrayBuffer) buffers.add(value);
    if (isCloned(value)) return value;
    if (Array.isArray(value)) return value.map(take);
    if (value instanceof Set) return new Set([...value].map(take));
    if (value instanceof Map) return new Map([...value].map(([key, inside]) => [key, take(inside)]));
    return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, take(inside)]));
  };
  const value = take(wire);
  return { value, buffers };
}

const noWay = (value: unknown, place: string, why = ''): OptionError => {
  const advice =
    value instanceof Promise
      ? 'Await it first.'
      : typeof value === 'function'
        ? 'Only listeners do, whose names begin with on.'
        : why || 'Make it in the worker, by a function of its API: memoryStore, httpStore, createChatTemplate.';
  return new OptionError(
    `${place} is ${inWords(value)}, which cannot go to another thread; expected data, or what a function of the worker's ` +
      `API has given. ${advice}`,
    { option: place.slice(place.indexOf(': ') + 2), found: value },
  );
};
