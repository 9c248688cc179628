/**
 * The values of a parameter on their way to a device. A checkpoint or an initialiser gives them whole, for formats that
 * round them, or in pieces, so that f32 values reach the device through one small buffer.
 */
import type { Device } from '../backend/backend.js';
import { ShapeError } from '../errors.js';
import { giveTurn } from '../eventLoop.js';
import { f16ToF32 } from '../halfFloats.js';
import { sizeOf } from '../shape.js';
import { Tensor } from './tensor.js';

/** Numbers as f32, or as the bits of f16. */
export type Floats = Float32Array | Uint16Array;

/** Integers and scales of a matrix [outputs, inputs], groups of 32 inputs having a scale each. */
export interface StoredGroups {
  /** Bits: of bytes, or of integers of four bits, packed (src/int4.ts). */
  readonly integers: Uint8Array<ArrayBuffer>;
  /** Halves. */
  readonly scales: Uint16Array<ArrayBuffer>;
}

export interface Values {
  /** All of them, in the bits that they are stored in where these are f32 or f16. */
  all(): Promise<Floats>;
  /** All of them in order, as f32. A piece is valid until the next is asked for. */
  pieces(): AsyncIterable<Float32Array> | Iterable<Float32Array>;
  /** Where they are stored as int4 holds them. */
  readonly int4?: {
    /** Whether groups have minima. */
    readonly hasLeast: boolean;
    read(): Promise<StoredGroups>;
  };
  /** Where they are stored as bytes, each 32 of which have a scale. */
  readonly int8?: {
    /** Whether other matrices of the file are stored in four bits: whoever made it chose which are in more. */
    readonly isMixed: boolean;
    read(): Promise<StoredGroups>;
  };
}

/** Values that are made in memory, all at once. */
export const madeValues = (make: () => Float32Array): Values => ({ all: async () => make(), pieces: () => [make()] });

/** Pieces of whole rows of `cols` elements: the beginning of a row is kept for the next piece. */
export async function* wholeRows(pieces: ReturnType<Values['pieces']>, cols: number): AsyncGenerator<Float32Array> {
  let rest = new Float32Array(0);
  for await (const piece of pieces) {
    let joined = piece;
    if (rest.length > 0) {
      joined = new Float32Array(rest.length + piece.length);
      joined.set(rest);
      joined.set(piece, rest.length);
    }
    const whole = joined.length - (joined.length % cols);
    if (whole > 0) yield joined.subarray(0, whole);
    rest = joined.slice(whole);
  }
}

export const asF32 = (values: Floats): Float32Array => (values instanceof Uint16Array ? f16ToF32(values) : values);

/**
 * An f32 tensor of these values, which a meta device does not ask for.
 * @throws ShapeError unless they fill the shape; LimitError when the device cannot hold it
 */
export async function tensorOf(
  device: Device,
  values: Values,
  shape: readonly number[],
  label: string,
): Promise<Tensor> {
  const tensor = Tensor.empty(device, shape, 'f32', label);
  if (device.isMeta) return tensor;
  try {
    let done = 0;
    for await (const piece of values.pieces()) {
      if (done + piece.length <= tensor.size) device.write(tensor.storage, piece, 4 * done);
      done += piece.length;
      await giveTurn();
    }
    if (done === sizeOf(shape)) return tensor;
    throw new ShapeError(`${label}: ${done} elements do not fill the shape [${shape.join(', ')}].`, {
      found: done,
      expected: sizeOf(shape),
    });
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}
