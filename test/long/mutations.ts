/**
 * How files are spoilt. Bytes are flipped, cut, doubled and overwritten; where a format has a structure (JSON, a header
 * with a length, an archive), its content is changed and put together again, so that what comes after the first check is
 * reached too.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Random } from './random.js';

/** Another content for a file. The one that is given stays as it is. */
export type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Bytes that mean something somewhere: signs, ends, the largest and least numbers. */
const telling = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x2c, 0x5b, 0x7b, 0x5d, 0x7d, 0x30, 0x2d, 0xc0, 0xed, 0xf8];

const steps: readonly Mutation[] = [
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) {
      const at = random.int(copy.length);
      copy[at] = (copy[at] as number) ^ (1 << random.int(8));
    }
    return copy;
  },
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) copy[random.int(copy.length)] = random.chance(0.5) ? random.pick(telling) : random.int(256);
    return copy;
  },
  (bytes, random) => bytes.slice(0, random.int(bytes.length + 1)),
  (bytes, random) => bytes.slice(Math.min(bytes.length, random.int(16))),
  // A piece goes, is doubled, or comes from elsewhere in the file.
  (bytes, random) => {
    const [from, length] = [random.int(bytes.length + 1), 1 + random.int(64)];
    return joined(bytes.subarray(0, from), bytes.subarray(from + length));
  },
  (bytes, random) => {
    const [from, length] = [random.int(bytes.length + 1), 1 + random.int(64)];
    return joined(bytes.subarray(0, from + length), bytes.subarray(from));
  },
  (bytes, random) => {
    const copy = bytes.slice();
    const [from, to, length] = [random.int(bytes.length + 1), random.int(bytes.length + 1), 1 + random.int(64)];
    copy.set(bytes.subarray(from, Math.min(from + length, from + bytes.length - to)), to);
    return copy;
  },
  (bytes, random) =>
    joined(
      bytes,
      Uint8Array.from({ length: 1 + random.int(32) }, () => random.int(256)),
    ),
  // A length or a count: the largest, the least, and those beside them.
  (bytes, random) => {
    const copy = bytes.slice();
    const wide = random.pick([2, 4, 8]);
    if (copy.length < wide) return copy;
    const at = random.chance(0.3) ? 0 : random.int(copy.length - wide + 1);
    const value = random.pick([0n, 1n, -1n, 0x7fffffffn, 0x80000000n, 2n ** 53n, BigInt(random.int(2 ** 16))]);
    for (let i = 0; i < wide; i++) copy[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    return copy;
  },
];

/** One to four changes of bytes. */
export const mutateBytes: Mutation = (bytes, random) => {
  let changed = bytes;
  for (let left = 1 + random.int(4); left > 0; left--) changed = random.pick(steps)(changed, random);
  return changed;
};

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const deep = (levels: number): Json => {
  let value: Json = 1;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value };
  return value;
};

const others: readonly ((random: Random) => Json)[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31), 65536].map(
    (value) => () => value as Json,
  ),
  ...[
    '',
    ' ',
    '0',
    '-1',
    'NaN',
    '__proto__',
    '../../x',
    '\u0000',
    '\ud800',
    '\udfff\ud83d',
    '\u{1f600}',
    '[',
    '(?:a+)+$',
  ].map((value) => () => value),
  (random) => 'a'.repeat(2 ** random.int(17)),
  (random) => random.int(2 ** 32),
  (random) => random.next(),
  () => [],
  () => ({}),
  (random) => Array.from({ length: random.int(300) }, (_, i) => i),
  (random) => deep(2 ** random.int(11)),
];
/** Names that are more than a field to who copies fields into plain objects. */
const namesOfAll = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '', '0'];

/** An own field, whatever its name. */
const define = (target: object, name: string, value: Json) =>
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });

const poison = (): Json => define({}, '__proto__', { polluted: true }) as Json;

function changeOnce(root: Json, random: Random): Json {
  if (typeof root !== 'object' || root === null || random.chance(0.02)) return random.pick(others)(random);
  // Down to some value inside.
  let parent: Json[] | { [name: string]: Json } = root;
  let keys = Object.keys(parent);
  let key = random.pick(keys);
  for (;;) {
    if (key === undefined) break;
    const inside: Json = (parent as { [name: string]: Json })[key] as Json;
    if (typeof inside !== 'object' || inside === null || Object.keys(inside).length === 0 || random.chance(0.2)) break;
    parent = inside;
    keys = Object.keys(parent);
    key = random.pick(keys);
  }
  const fields = parent as { [name: string]: Json };
  if (key === undefined) {
    if (Array.isArray(parent)) parent.push(poison());
    else define(fields, random.pick(namesOfAll), poison());
    return root;
  }
  const value = fields[key] as Json;
  const kind = random.int(10);
  if (kind < 4) define(fields, key, random.pick(others)(random));
  else if (kind === 4 && typeof value === 'number') {
    define(fields, key, random.pick([value + 1, value - 1, -value, value * 2, value / 2, value * 1e9, value + 0.5]));
  } else if (kind === 4 && typeof value === 'string') {
    define(fields, key, random.pick([value + value, value.slice(1), value.toUpperCase(), `${value}\u0301`]));
  } else if (kind === 5) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete fields[key];
  } else if (kind === 6) {
    if (Array.isArray(parent)) parent.splice(random.int(parent.length + 1), 0, value);
    else define(fields, `${key}${random.int(3)}`, value);
  } else if (kind === 7) {
    const other = random.pick(keys);
    const moved = fields[other] as Json;
    define(fields, other, value);
    define(fields, key, moved);
  } else if (kind === 8) {
    if (Array.isArray(parent)) parent.push(poison());
    else define(fields, random.pick(namesOfAll), random.chance(0.5) ? poison() : random.pick(others)(random));
  } else define(fields, key, random.chance(0.5) ? [value] : { a: value });
  return root;
}

/** How often JSON is changed as bytes. */
const asBytes = 0.3;
const inStructure = (random: Random): Random => ({ ...random, chance: (p) => p !== asBytes && random.chance(p) });

/** Changes of values where the text is JSON, else of bytes. */
export const mutateJson: Mutation = (bytes, random) => {
  if (random.chance(asBytes)) return mutateBytes(bytes, random);
  let value: Json;
  try {
    value = JSON.parse(decoder.decode(bytes)) as Json;
  } catch {
    return mutateBytes(bytes, random);
  }
  for (let left = 1 + random.int(3); left > 0; left--) value = changeOnce(value, random);
  return encoder.encode(JSON.stringify(value));
};

/** Changes of one line of many, or of bytes. */
export const mutateJsonLines: Mutation = (bytes, random) => {
  if (random.chance(0.4)) return mutateBytes(bytes, random);
  // Bytes as characters: a line need not be UTF-8 any more.
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  const at = random.int(lines.length);
  const changed = mutateJson(Buffer.from(lines[at] as string, 'latin1'), inStructure(random));
  const line = Buffer.from(changed).toString('latin1');
  lines[at] = line;
  if (random.chance(0.2)) lines.splice(random.int(lines.length + 1), 0, random.pick(['', ' ', '\r', 'null', line]));
  return new Uint8Array(Buffer.from(lines.join('\n'), 'latin1'));
};

/** Changes of the header of tensors, with its length as it then is; or of bytes. */
export const mutateSafetensors: Mutation = (bytes, random) => {
  if (random.chance(0.4)) return mutateBytes(bytes, random);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true));
  const header = mutateJson(bytes.subarray(8, 8 + length), inStructure(random));
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  return joined(start, header, bytes.subarray(8 + length));
};

/** Changes of what is packed, packed again; or of bytes of the archive. */
export const mutateGzip =
  (inside: Mutation): Mutation =>
  (bytes, random) =>
    random.chance(0.4)
      ? mutateBytes(bytes, random)
      : new Uint8Array(gzipSync(inside(new Uint8Array(gunzipSync(bytes)), random), { level: 1 }));
