/**
 * The header of a safetensors file, read and checked so that a hostile or damaged file is refused before anything is
 * allocated.
 */
import { CheckpointError, formatBytes } from '../errors.js';
import { duplicateKey, isObject, kindOf, parseJson } from './json.js';
import { mistaken, tellingBytes } from './likeness.js';
import type { ReadableFile } from './unchanging.js';
import { isWellFormed } from './utf8.js';

/** Bits of an element of every dtype that the format knows. */
const elementBits = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
  I64: 64,
  U64: 64,
  I32: 32,
  U32: 32,
  I16: 16,
  U16: 16,
  I8: 8,
  U8: 8,
  BOOL: 8,
  C64: 64,
} as const;
export type SafetensorsDType = keyof typeof elementBits;

/** One tensor of a file. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** First byte in the file, counted from the file's start. */
  readonly begin: number;
  readonly byteLength: number;
}

interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The limit of the format's own library: no honest header comes near it. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads and checks the header of a safetensors file: u64 length, then JSON `{name: {dtype, shape, data_offsets}}`,
 * then the tensors' bytes in order, without holes, to the end of the file. Nothing larger than the file is allocated.
 * Source: the format's description, https://github.com/huggingface/safetensors.
 * @throws CheckpointError that says what is malformed, and where
 */
export async function readSafetensorsHeader(file: ReadableFile): Promise<SafetensorsHeader> {
  const { name: where, size: fileBytes } = file;
  if (fileBytes < 8) throw damaged(`${where}: the file has ${fileBytes} bytes, expected a header length of 8 first.`);
  const prefix = await file.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > fileBytes - 8) {
    await refuseOtherFile(file, prefix);
    throw damaged(`${where}: the header says it has ${length} bytes, the file has ${fileBytes - 8} after it.`);
  }
  const headerBytes = Number(length);
  if (headerBytes > maxHeaderBytes) {
    throw damaged(
      `${where}: the header has ${formatBytes(headerBytes)}, expected at most ${formatBytes(maxHeaderBytes)}.`,
    );
  }
  const text = await file.read(8, headerBytes);
  if (text[0] !== openBrace) await refuseOtherFile(file, prefix);
  const fields = parseHeader(where, text);

  const metadata: Record<string, string> = Object.create(null);
  const tensors: { name: string; dtype: SafetensorsDType; shape: number[]; first: number; end: number }[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (!isWellFormed(name)) {
      throw damaged(`${where}: a tensor is called ${JSON.stringify(name)}, half of a character, expected text.`);
    }
    if (name === '__metadata__') {
      if (!isObject(field)) throw damaged(`${where}: __metadata__ is ${kindOf(field)}, expected an object of strings.`);
      for (const [key, value] of Object.entries(field)) {
        if (typeof value !== 'string') {
          throw damaged(`${where}: __metadata__ '${key}' is ${kindOf(value)}, expected a string.`);
        }
        metadata[key] = value;
      }
    } else tensors.push({ name, ...parseTensor(where, name, field) });
  }

  tensors.sort((a, b) => a.first - b.first || a.end - b.end);
  const dataBytes = fileBytes - 8 - headerBytes;
  let position = 0;
  let previous = 'the header';
  for (const { name, first, end } of tensors) {
    if (first !== position) {
      const what = first < position ? 'overlaps' : 'leaves a hole after';
      throw damaged(
        `${where}: tensor '${name}' begins at byte ${first} of the data and ${what} ${previous}, expected ${position}.`,
        { found: first, expected: position },
      );
    }
    if (end > dataBytes) {
      throw damaged(`${where}: tensor '${name}' ends at byte ${end} of the data, the file has ${dataBytes}.`, {
        found: dataBytes,
        expected: end,
      });
    }
    position = end;
    previous = `'${name}'`;
  }
  if (position !== dataBytes) {
    throw damaged(`${where}: the tensors end at byte ${position} of the data, the file has ${dataBytes}.`, {
      found: dataBytes,
      expected: position,
    });
  }
  const entries = tensors.map(({ name, dtype, shape, first, end }): [string, SafetensorsEntry] => [
    name,
    { dtype, shape, begin: 8 + headerBytes + first, byteLength: end - first },
  ]);
  return { entries: new Map(entries), metadata };
}

const openBrace = 0x7b;

/** Reads more of the file only where its first 8 bytes may be text. @throws CheckpointError for another kind of file */
async function refuseOtherFile(file: ReadableFile, prefix: Uint8Array): Promise<void> {
  const mayBeText = prefix.subarray(6).every((byte) => byte >= 0x20) || prefix.every((byte) => byte === 0);
  const bytes = mayBeText ? await file.read(0, Math.min(file.size, tellingBytes)) : prefix;
  const other = mistaken(file.name, bytes, 'a safetensors file');
  if (other !== undefined) throw new CheckpointError(other);
}

function parseHeader(where: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged(`${where}: the header is not in UTF-8 (${(cause as Error).message}).`, { cause });
  }
  const fields = parseJson(text, `${where}: the header`, advice);
  if (!isObject(fields) || text[0] !== '{') {
    throw damaged(`${where}: the header is ${kindOf(fields)}, expected an object that begins at its first byte.`);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw damaged(`${where}: '${twice}' is in the header twice, expected once.`, { found: twice });
  return fields;
}

const tensorFields = 'data_offsets, dtype, shape';

function parseTensor(where: string, name: string, field: unknown) {
  const of = `${where}: tensor '${name}'`;
  if (!isObject(field) || Object.keys(field).sort().join(', ') !== tensorFields) {
    const found = isObject(field) ? `{${Object.keys(field).sort().join(', ')}}` : kindOf(field);
    throw damaged(`${of} is ${found}, expected {${tensorFields}}.`);
  }
  const { dtype, shape, data_offsets: offsets } = field;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBits, dtype)) {
    const known = Object.keys(elementBits);
    throw damaged(`${of} has dtype ${JSON.stringify(dtype)}, expected one of ${known.join(', ')}.`, {
      found: dtype,
      expected: known,
    });
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw damaged(`${of} has shape ${JSON.stringify(shape)}, expected an array of integers of at least 0.`, {
      found: shape,
    });
  }
  const [first, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isCount(first) || !isCount(end) || first > end) {
    throw damaged(`${of} has data_offsets ${JSON.stringify(offsets)}, expected [begin, end], integers in order.`, {
      found: offsets,
    });
  }
  const bits = shape.reduce<number>(
    (product, extent: number) => product * extent,
    elementBits[dtype as SafetensorsDType],
  );
  if (bits !== 8 * (end - first)) {
    throw damaged(`${of} has ${end - first} bytes, expected ${bits / 8} for ${dtype} [${shape.join(', ')}].`, {
      found: end - first,
      expected: bits / 8,
    });
  }
  return { dtype: dtype as SafetensorsDType, shape: shape as number[], first, end };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const advice = 'Download the file again, or write it again with the safetensors library.';

const damaged = (message: string, details: ConstructorParameters<typeof CheckpointError>[1] = {}) =>
  new CheckpointError(`${message} ${advice}`, details);
