/**
 * Named tensors as a file stores them. A source hands out bytes and says what they are; the reader decides which
 * elements they become, so that a tensor can reach a device in the bits of its file.
 */
import { CheckpointError } from '../errors.js';
import { type ElementDType, type ElementsOf, elementsOf } from './elements.js';
import { floatDTypes, floatFormat, type StoredDType } from './storedFormats.js';

export type { BlockDType, StoredDType } from './storedFormats.js';

/** What a file says of one of its tensors. */
export interface StoredTensor {
  /** How its elements are stored. */
  readonly dtype: StoredDType;
  /** Extents of its axes; the last is contiguous. */
  readonly shape: readonly number[];
  /** Bytes in the file. */
  readonly byteLength: number;
}

/** The tensors of a file, or of several files that belong together. */
export interface TensorSource {
  /** For messages: "./gpt2/model.safetensors". */
  readonly name: string;
  /** Every tensor by its name in the file. */
  readonly entries: ReadonlyMap<string, StoredTensor>;
  /** The bytes of a tensor. @throws CheckpointError when there is no such tensor, or the file has changed */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Fills `target` with the bytes of a tensor from `offset`: large tensors are read through one small buffer.
   * @throws CheckpointError as `read`, and when the tensor ends before
   */
  readInto(name: string, offset: number, target: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** A tensor in the elements that it is stored in. @throws CheckpointError when its dtype is another */
export async function readElements<D extends ElementDType>(
  source: TensorSource,
  name: string,
  dtype: D,
): Promise<ElementsOf<D>> {
  const bytes = await source.read(name);
  const found = source.entries.get(name)?.dtype;
  if (found !== dtype) throw otherDType(source, name, [dtype]);
  return elementsOf(dtype, bytes);
}

/**
 * A tensor as f32: F16 and BF16 widen exactly, F64 is rounded, blocks are unpacked.
 * @throws CheckpointError when its dtype is another
 */
export async function readFloats(source: TensorSource, name: string): Promise<Float32Array> {
  const { widen } = formatOf(source, name);
  return widen(await source.read(name));
}

/**
 * The same in pieces, in order, through `buffer`, which holds a block at least: a piece is valid until the next is
 * asked for. Where it holds two, the next piece is read while one is used. One buffer serves tensor after tensor; one for
 * each would keep the garbage collector busy.
 * @throws CheckpointError as `readFloats`
 */
export async function* readFloatPieces(
  source: TensorSource,
  name: string,
  buffer: Uint8Array<ArrayBuffer>,
): AsyncGenerator<Float32Array> {
  const { bytes, widen } = formatOf(source, name);
  const byteLength = source.entries.get(name)?.byteLength ?? 0;
  const slots = buffer.byteLength >= 2 * bytes ? 2 : 1;
  const step = Math.floor(buffer.byteLength / slots / bytes) * bytes;
  const read = async (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const begin = (index % slots) * step;
    const piece = buffer.subarray(begin, begin + Math.max(0, Math.min(byteLength - index * step, step)));
    if (piece.byteLength > 0) await source.readInto(name, index * step, piece);
    return piece;
  };
  let ahead: Promise<Uint8Array<ArrayBuffer>> | undefined;
  try {
    for (let index = 0; index * step < byteLength; index++) {
      const piece = await (ahead ?? read(index));
      if (slots === 2) {
        ahead = read(index + 1);
        // It is asked for in the next round, or never.
        ahead.catch(() => {});
      }
      yield widen(piece);
    }
  } finally {
    // Until then the buffer is being written to.
    await ahead?.catch(() => {});
  }
}

/** @throws CheckpointError for a dtype that does not become f32 */
function formatOf(source: TensorSource, name: string) {
  const format = floatFormat(source.entries.get(name)?.dtype);
  if (!format) throw otherDType(source, name, floatDTypes);
  return format;
}

function otherDType(
  { name: where, entries }: TensorSource,
  name: string,
  expected: readonly string[],
): CheckpointError {
  const found = entries.get(name)?.dtype;
  const list = expected.join(', ').replace(/, (\w+)$/, ' or $1');
  return new CheckpointError(`${where}: tensor '${name}' has dtype ${found}, expected ${list}.`, { found, expected });
}
