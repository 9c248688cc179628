/**
 * The header of a GGUF file of version 2 or 3: metadata by keys, then the names, extents, dtypes and places of the
 * tensors. Source: the format's description, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { CheckpointError, formatBytes } from '../../errors.js';
import { sizeOf } from '../../shape.js';
import { mistaken, tellingBytes } from '../likeness.js';
import type { SafetensorsDType } from '../safetensorsHeader.js';
import type { StoredDType } from '../storedFormats.js';
import type { ReadableFile } from '../unchanging.js';
import { type BlockDType, blockFormats } from './blockFormats.js';
import { damagedGguf, GgufReader, type GgufValue, NeedsMore } from './values.js';

/** One tensor of a file. */
export interface GgufEntry {
  readonly dtype: StoredDType;
  /** Extents of its axes; the last is contiguous. */
  readonly shape: readonly number[];
  /** First byte in the file, counted from the file's start. */
  readonly begin: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly entries: ReadonlyMap<string, GgufEntry>;
}

/** ggml's numbers of dtypes. */
const dtypes: Readonly<Record<number, StoredDType>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  30: 'BF16',
};
/** What ggml has besides, for messages. */
const otherDTypes: Readonly<Record<number, string>> = {
  ...{ 10: 'Q2_K', 11: 'Q3_K', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S', 20: 'IQ4_NL' },
  ...{ 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 29: 'IQ1_M', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4' },
};
const plainBytes: Partial<Readonly<Record<SafetensorsDType, number>>> = {
  ...{ F32: 4, F16: 2, BF16: 2, F64: 8 },
  ...{ I8: 1, I16: 2, I32: 4, I64: 8 },
};
const blockOf = (dtype: StoredDType): { readonly elements: number; readonly bytes: number } =>
  blockFormats[dtype as BlockDType] ?? { elements: 1, bytes: plainBytes[dtype as SafetensorsDType] as number };

/** Read at first; most headers of small vocabularies end in it. */
const firstBytes = 2 ** 22;
/** Far above any vocabulary with its merges. */
const mostBytes = 2 ** 28;
/** Far more than any model has. */
const [mostTensors, mostKeys] = [2 ** 18, 2 ** 16];
/** Tensors have at most so many axes. */
const mostAxes = 4;

/** @throws CheckpointError that says what is malformed, and where */
export async function readGgufHeader(file: ReadableFile): Promise<GgufHeader> {
  const { name: where, size: fileBytes } = file;
  for (let length = firstBytes; ; length *= 4) {
    const bytes = await file.read(0, Math.min(length, fileBytes));
    try {
      return parse(new GgufReader(bytes, fileBytes, where), bytes, fileBytes, where);
    } catch (error) {
      if (!(error instanceof NeedsMore)) throw error;
      if (length >= mostBytes) {
        throw damagedGguf(`${where}: the header has more than ${formatBytes(mostBytes)}.`, { expected: mostBytes });
      }
    }
  }
}

function parse(reader: GgufReader, bytes: Uint8Array, fileBytes: number, where: string): GgufHeader {
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 4)) !== 'GGUF') {
    const other = mistaken(where, bytes.subarray(0, tellingBytes), 'a GGUF file');
    if (other !== undefined) throw new CheckpointError(other);
    throw damagedGguf(`${where}: the file does not begin with GGUF.`);
  }
  reader.at = 4;
  const version = reader.uint32('the version');
  if (version !== 2 && version !== 3) {
    const what = version % 2 ** 16 === 0 ? 'it is in big-endian byte order' : `its version is ${version}`;
    throw damagedGguf(`${where}: ${what}, expected version 2 or 3 in little-endian byte order.`, { found: version });
  }
  // A tensor takes at least 8 + 4 + 4 + 8 bytes of the header, a key with its value 8 + 4 + 1.
  const tensorCount = reader.count('the number of tensors', 24, mostTensors);
  const keyCount = reader.count('the number of keys', 13, mostKeys);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = reader.text('a key');
    if (metadata.has(key)) throw damagedGguf(`${where}: the key '${key}' is there twice.`, { found: key });
    metadata.set(key, reader.value(`'${key}'`));
  }
  const tensors = Array.from({ length: tensorCount }, () => tensorOf(reader, where));
  const alignment = alignmentOf(metadata, where);
  const data = Math.ceil(reader.at / alignment) * alignment;
  return { metadata, entries: placed(tensors, { data, alignment, fileBytes, where }) };
}

interface Described extends Omit<GgufEntry, 'begin'> {
  readonly name: string;
  /** From the first byte of the data. */
  readonly offset: number;
}

function tensorOf(reader: GgufReader, where: string): Described {
  const name = reader.text("a tensor's name");
  const of = `tensor '${name}'`;
  const axes = reader.uint32(`the number of axes of ${of}`);
  if (axes > mostAxes) {
    throw damagedGguf(`${where}: ${of} has ${axes} axes, expected at most ${mostAxes}.`, { found: axes });
  }
  // ggml counts from the contiguous axis.
  const shape = Array.from({ length: axes }, () => reader.uint64(`the shape of ${of}`)).reverse();
  const type = reader.uint32(`the dtype of ${of}`);
  const offset = reader.uint64(`the place of ${of}`);
  const dtype = dtypes[type];
  if (!dtype) {
    const known = Object.values(dtypes);
    throw new CheckpointError(
      `${where}: ${of} has dtype ${otherDTypes[type] ?? `number ${type}`}, expected one of ${known.join(', ')}. ` +
        'Take a file of the model in another quantization.',
      { found: otherDTypes[type] ?? type, expected: known },
    );
  }
  const { elements, bytes } = blockOf(dtype);
  const row = shape.at(-1) ?? 1;
  if (row % elements !== 0) {
    throw damagedGguf(`${where}: ${of} has rows of ${row}, expected a multiple of ${elements} for ${dtype}.`, {
      found: row,
      expected: elements,
    });
  }
  return { name, dtype, shape, offset, byteLength: (sizeOf(shape) / elements) * bytes };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, where: string): number {
  const found = metadata.get('general.alignment') ?? 32;
  if (typeof found === 'number' && found >= 1 && found <= 2 ** 20 && Number.isInteger(Math.log2(found))) return found;
  throw damagedGguf(`${where}: general.alignment is ${String(found)}, expected a power of two.`, { found });
}

/** The tensors with their places in the file. @throws CheckpointError where they overlap, or reach beyond its end */
function placed(
  tensors: readonly Described[],
  {
    data,
    alignment,
    fileBytes,
    where,
  }: { readonly data: number; readonly alignment: number; readonly fileBytes: number; readonly where: string },
): ReadonlyMap<string, GgufEntry> {
  const entries = new Map<string, GgufEntry>();
  let end = data;
  for (const { name, dtype, shape, offset, byteLength } of tensors.toSorted((a, b) => a.offset - b.offset)) {
    const begin = data + offset;
    if (entries.has(name)) throw damagedGguf(`${where}: tensor '${name}' is there twice.`, { found: name });
    if (offset % alignment !== 0) {
      throw damagedGguf(
        `${where}: tensor '${name}' begins at byte ${offset} of the data, expected a multiple of ` + `${alignment}.`,
        { found: offset, expected: alignment },
      );
    }
    if (begin < end) {
      throw damagedGguf(`${where}: tensor '${name}' begins at byte ${begin} of the file, before the one before ends.`, {
        found: begin,
        expected: end,
      });
    }
    end = begin + byteLength;
    if (!(end <= fileBytes)) {
      throw damagedGguf(`${where}: tensor '${name}' ends at byte ${end}, the file has ${fileBytes}.`, {
        found: fileBytes,
        expected: end,
      });
    }
    entries.set(name, { dtype, shape, begin, byteLength });
  }
  return entries;
}
