/** How the elements of tensors are stored, in whatever file, and how they become f32. */
import { bf16ToF32, f16ToF32 } from '../halfFloats.js';
import { elementsOf } from './elements.js';
import { type BlockDType, blockFormats, unpackBlocks } from './gguf/blockFormats.js';
import type { SafetensorsDType } from './safetensorsHeader.js';

/** How the elements of a tensor are stored: those of safetensors files, and the block formats of GGUF files. */
export type StoredDType = SafetensorsDType | BlockDType;
export type { BlockDType };

/** A dtype that f32 can take the place of. */
interface FloatFormat {
  /** Bytes that become elements together. */
  readonly bytes: number;
  widen(bytes: Uint8Array<ArrayBuffer>): Float32Array;
}

const inBlocks = Object.entries(blockFormats).map(([dtype, { bytes }]): [string, FloatFormat] => [
  dtype,
  { bytes, widen: (blocks) => unpackBlocks(dtype as BlockDType, blocks) },
]);

const formats: ReadonlyMap<string, FloatFormat> = new Map<string, FloatFormat>([
  ['F32', { bytes: 4, widen: (bytes) => elementsOf('F32', bytes) }],
  ['F16', { bytes: 2, widen: (bytes) => f16ToF32(elementsOf('F16', bytes)) }],
  ['BF16', { bytes: 2, widen: (bytes) => bf16ToF32(elementsOf('F16', bytes)) }],
  ['F64', { bytes: 8, widen: (bytes) => Float32Array.from(elementsOf('F64', bytes)) }],
  ...inBlocks,
]);

/** How a dtype becomes f32; undefined for integers and what else is no weight. */
export const floatFormat = (dtype: StoredDType | undefined): FloatFormat | undefined => formats.get(dtype ?? '');

/** All that `floatFormat` knows, for messages. */
export const floatDTypes: readonly string[] = [...formats.keys()];
