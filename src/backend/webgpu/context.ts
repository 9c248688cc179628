/** What the encoders of kernels get from the device: limits, bindings, temporary memory, dispatch. */
import type { PooledBuffer } from '../../hardware/webgpu/bufferPool.js';
import type { Binding } from '../../hardware/webgpu/commandQueue.js';
import type { Storage } from '../backend.js';
import type { DType } from '../kernels/index.js';
import type { RowLimits } from '../kernels/plan.js';
import type { GemmSettings } from './device.js';

/** A storage of this backend. */
export interface GPUStorage extends Storage {
  readonly buffer: PooledBuffer;
  released: boolean;
}

/** Bytes of a storage that a dispatch binds. */
export type Region = Binding;

/**
 * Lines put before a shader that its `override` constants cannot give: element types and the functions that follow from
 * them.
 */
export interface Prelude {
  /** Tells shaders of one name and different preludes apart. */
  readonly name: string;
  readonly code: string;
}

/** `const` lines for what an `override` cannot give: sizes of per-thread arrays and of matrix types. */
export const constantLines = (constants: Readonly<Record<string, number>>): string =>
  Object.entries(constants)
    .map(([name, value]) => `const ${name}: u32 = ${value}u;\n`)
    .join('');

export interface ShaderCall {
  /** A name of shaders.ts. */
  readonly shader: string;
  readonly prelude?: Prelude;
  /** Size of the per-thread arrays, part of the pipeline's key; 0 for shaders without. */
  readonly headBlocks?: number;
  readonly constants?: Readonly<Record<string, number>>;
  /** In the order of the shader's struct: integers, then wrap `f32` values in `float`. */
  readonly uniform: readonly (number | Float)[];
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
  /** Workgroups in all: folded over x and y. */
  readonly groups: number;
  readonly flops: number;
}

/** A number that the uniform block holds as f32. */
export interface Float {
  readonly f32: number;
}
export const float = (value: number): Float => ({ f32: value });

/** What the kernels' encoders work with. */
export interface Context {
  readonly limits: RowLimits & {
    readonly maxBindingBytes: number;
    readonly maxFlops: number;
    readonly gemm: GemmSettings;
  };
  dispatch(call: ShaderCall): void;
  /** `entries` (`entriesOf`) of a storage from `first` on, whose byte offset is a multiple of 256. f32 by default. */
  region(storage: Storage, first: number, entries: number, dtype?: DType): Region;
  /** Memory that is released when `work` returns. */
  temporary<T>(elements: number, label: string, work: (region: Region) => T): T;
}

/** Folds a count of workgroups over x and y, `side` being the most along one: fewer than y of them are too many. */
export function foldGroups(groups: number, side: number): [number, number] {
  const y = Math.ceil(groups / side);
  return [Math.ceil(groups / y), y];
}
export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);
