/**
 * What a record of the kernel table says of its kernel: operands, params, and what one call costs. The rules that all
 * records follow are in index.ts.
 */
import { int4Bytes } from '../../int4.js';
import { sizeOf } from '../../shape.js';
import type { Plan } from './plan.js';

/** Type of the elements of a tensor or an operand. */
export type DType = 'f32' | 'i32' | 'u32' | 'f16' | 'int8' | 'int4';
/** Type of a param or constant. */
export type ParamType = 'f32' | 'u32';
/** A dim by name, or a fixed extent. */
export type Extent = string | number;
/** Shape of an operand, of dtype f32 unless it says otherwise. */
export type OperandSpec =
  | readonly Extent[]
  | {
      /** Extents of its axes. */
      readonly shape: readonly Extent[];
      /** Type of its elements. */
      readonly dtype: DType;
    };
/** Extents by the names of dims. */
export type Dims = Readonly<Record<string, number>>;
/** Params by name. */
export type Params = Readonly<Record<string, number>>;

/** One record of the kernel table. */
export interface KernelSpec {
  /** Every symbolic dim, in the order of the uniform block. */
  readonly dims: readonly string[];
  /** Numbers of one call, by name. */
  readonly params?: Readonly<Record<string, ParamType>>;
  /** Numbers that choose a variant of the kernel. */
  readonly constants?: Readonly<Record<string, 'u32'>>;
  /** Read only; distinct buffers from everything that is written. */
  readonly in: Readonly<Record<string, OperandSpec>>;
  /** Read and written. */
  readonly inout?: Readonly<Record<string, OperandSpec>>;
  /** Written, and allocated by `run`. */
  readonly out?: Readonly<Record<string, OperandSpec>>;
  /**
   * Floating-point operations of one call: profiles divide by it, and WebGPU cuts long calls by it. Without params, the
   * most that there can be with such dims.
   */
  readonly flops: (dims: Dims, params?: Params) => number;
  /**
   * Bytes read and written by one call, for kernels that do not go through all of each operand: profiles divide by it.
   */
  readonly bytes?: (dims: Dims, params: Params) => number;
  /**
   * Allowed error of each output element in units in the last place (f32), counted at the scale of the sum of the
   * absolute terms (each times its condition number where an exponential is taken of it: see the float64 reference).
   * `roundings` of the sums on the path to the element, and a constant for its divisions, roots and exponentials, which
   * WGSL allows to be 2.5 units off or more. Both backends need 4 to 50 percent of it.
   */
  readonly ulp: (dims: Dims) => number;
  /** How the work is divided; left out where both backends have an encoder of their own. */
  readonly plan?: Plan;
}

/** Data of each dtype on the host. */
export const hostArrays = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  f16: Uint16Array,
  int8: Int8Array,
  int4: Uint8Array,
} as const satisfies Record<DType, unknown>;
/** Bytes of an entry of the host's array. */
export const bytesPerEntry = (dtype: DType): number => hostArrays[dtype].BYTES_PER_ELEMENT;
/** Entries of the host's array for a shape: an element each, but bytes with two of them for int4. */
export const entriesOf = (dtype: DType, shape: readonly number[]): number =>
  dtype === 'int4' ? int4Bytes(shape) : sizeOf(shape);
/** Bytes of a storage for a shape: whole words. */
export const storageBytes = (dtype: DType, shape: readonly number[]): number =>
  wholeWords(bytesPerEntry(dtype) * entriesOf(dtype, shape));
export const wholeWords = (bytes: number): number => 4 * Math.ceil(bytes / 4);
