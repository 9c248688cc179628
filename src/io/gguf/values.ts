/**
 * The values of a GGUF header, one after another: numbers, texts and lists, little-endian, each with its type before it.
 * A count that the rest of the file cannot hold is refused before anything of its size is made.
 */
import { CheckpointError } from '../../errors.js';
import { decodeText } from '../utf8.js';

/** A value of the metadata. Integers that a double does not hold exactly are bigints. */
export type GgufValue = number | bigint | boolean | string | readonly string[] | readonly boolean[] | ArrayLike<number>;

/** There are more bytes in the file than were read so far. */
export class NeedsMore extends Error {}

const advice = 'Download the file again, or convert the model again.';
export const damagedGguf = (message: string, details: ConstructorParameters<typeof CheckpointError>[1] = {}) =>
  new CheckpointError(`${message} ${advice}`, details);

/** Types of values. */
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
interface NumberType {
  /** Holds a list of them; integers of 64 bits as doubles. */
  readonly List: new (
    length: number,
  ) => Writable<number>;
  readonly bytes: number;
  read(view: DataView, at: number): number | bigint;
}
interface Writable<T> {
  readonly length: number;
  [index: number]: T;
}
const numbers: Readonly<Record<number, NumberType>> = {
  0: { List: Uint8Array, bytes: 1, read: (view, at) => view.getUint8(at) },
  1: { List: Int8Array, bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { List: Uint16Array, bytes: 2, read: (view, at) => view.getUint16(at, true) },
  3: { List: Int16Array, bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { List: Uint32Array, bytes: 4, read: (view, at) => view.getUint32(at, true) },
  5: { List: Int32Array, bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { List: Float32Array, bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  10: { List: Float64Array, bytes: 8, read: (view, at) => exact(view.getBigUint64(at, true)) },
  11: { List: Float64Array, bytes: 8, read: (view, at) => exact(view.getBigInt64(at, true)) },
  12: { List: Float64Array, bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};
const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** Reads from the beginning of a file, of which `bytes` are there so far. */
export class GgufReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #fileBytes: number;
  readonly #where: string;
  at = 0;

  constructor(bytes: Uint8Array, fileBytes: number, where: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = bytes;
    this.#fileBytes = fileBytes;
    this.#where = where;
  }

  uint32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  /** @throws CheckpointError for more things than the rest of the file has room for, `least` bytes each, or than `most` */
  count(what: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const count = this.#view.getBigUint64(this.#take(8, what), true);
    const room = Math.floor((this.#fileBytes - this.at) / least);
    if (count <= room && count > most) {
      throw damagedGguf(`${this.#where}: ${what} is ${count}, expected at most ${most}.`, {
        found: Number(count),
        expected: most,
      });
    }
    if (count <= room) return Number(count);
    throw damagedGguf(`${this.#where}: ${what} is ${count}, the rest of the file has room for ${room}.`, {
      found: Number(count),
      expected: room,
    });
  }

  uint64(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8, what), true);
    if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
    throw damagedGguf(`${this.#where}: ${what} is ${value}, expected at most 2^53.`, { found: Number(value) });
  }

  text(what: string): string {
    const length = this.count(`the length of ${what}`, 1);
    const at = this.#take(length, what);
    return decodeText(this.#bytes.subarray(at, at + length), `${this.#where}: ${what}`, 'text');
  }

  value(what: string): GgufValue {
    return this.#valueOf(this.uint32(`the type of ${what}`), what);
  }

  #valueOf(type: number, what: string): GgufValue {
    if (type === STRING) return this.text(what);
    if (type === BOOL) return this.#bytes[this.#take(1, what)] !== 0;
    if (type === ARRAY) return this.#list(what);
    return this.#number(type, what);
  }

  #number(type: number, what: string): number | bigint {
    const { bytes, read } = this.#numberType(type, what);
    return read(this.#view, this.#take(bytes, what));
  }

  #list(what: string): GgufValue {
    const type = this.uint32(`the type of ${what}`);
    if (type === STRING) {
      const count = this.count(`the length of ${what}`, 8);
      const texts: string[] = [];
      for (let i = 0; i < count; i++) texts.push(this.text(what));
      return texts;
    }
    if (type === BOOL) {
      const at = this.#take(this.count(`the length of ${what}`, 1), what);
      return Array.from(this.#bytes.subarray(at, this.at), (byte) => byte !== 0);
    }
    const { List, bytes, read } = this.#numberType(type, what);
    const count = this.count(`the length of ${what}`, bytes);
    const at = this.#take(count * bytes, what);
    const list = new List(count);
    for (let i = 0; i < count; i++) list[i] = Number(read(this.#view, at + i * bytes));
    return list;
  }

  #numberType(type: number, what: string): NumberType {
    const known = numbers[type];
    if (known) return known;
    throw damagedGguf(`${this.#where}: ${what} has the type ${type}, expected 0 to 12, and no list in a list.`, {
      found: type,
    });
  }

  /** Where the next `length` bytes begin. */
  #take(length: number, what: string): number {
    const at = this.at;
    this.at += length;
    if (this.at > this.#fileBytes) {
      throw damagedGguf(`${this.#where}: the file ends in ${what}, after ${this.#fileBytes} bytes.`, {
        found: this.#fileBytes,
        expected: this.at,
      });
    }
    if (this.at > this.#bytes.byteLength) throw new NeedsMore();
    return at;
  }
}
