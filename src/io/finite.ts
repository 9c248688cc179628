/** Weights must be numbers: a NaN would reach every output, and training would blame the learning rate for it. */
import { CheckpointError } from '../errors.js';
import { f16ToF32 } from '../halfFloats.js';
import type { TensorSource } from './tensorSource.js';

const spoiltFile = 'The file is spoilt: download it again, or take an earlier checkpoint.';

/**
 * One pass over the exponents: those of NaN and infinity have all bits set.
 * @param values f32, or the bits of f16
 * @param first index of the first of them in its tensor
 * @throws CheckpointError naming the tensor and the place of the first value that is not finite
 */
export function requireFinite(
  values: Float32Array | Uint16Array,
  { source, name, first = 0 }: { readonly source: TensorSource; readonly name: string; readonly first?: number },
): void {
  const spoilt = notFinite(values, { name, shape: source.entries.get(name)?.shape ?? [], first });
  if (!spoilt) return;
  throw new CheckpointError(`${source.name}: ${spoilt.what}. ${spoiltFile}`, { found: spoilt.found });
}

/**
 * The same of the scales of blocks, whose elements are the product of them and of integers.
 * @param scales halves
 */
export function requireFiniteScales(
  scales: Uint16Array,
  { source, name }: { readonly source: TensorSource; readonly name: string },
): void {
  const index = infiniteHalf(scales);
  if (index < 0) return;
  const [found] = f16ToF32(scales.subarray(index, index + 1));
  throw new CheckpointError(
    `${source.name}: '${name}' holds a scale of a block that is not finite: ${found}. ${spoiltFile}`,
    { found },
  );
}

/** The first value that is not finite, and in words which tensor holds it where; undefined where all are finite. */
export function notFinite(
  values: Float32Array | Uint16Array,
  { name, shape, first = 0 }: { readonly name: string; readonly shape: readonly number[]; readonly first?: number },
): { readonly what: string; readonly found: number } | undefined {
  const index = values instanceof Uint16Array ? infiniteHalf(values) : infiniteFloat(bitsOf(values));
  if (index < 0) return undefined;
  const found = values instanceof Uint16Array ? f16ToF32(values.subarray(index, index + 1))[0] : values[index];
  const place = placeOf(first + index, shape);
  const what = `'${name}' holds a value that is not finite: element ${first + index} (${place}) is ${found}`;
  return { what, found: found as number };
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** Index of the first element whose exponent has all bits set; -1 where there is none. */
function infiniteFloat(bits: Uint32Array): number {
  for (let i = 0; i < bits.length; i++) if (((bits[i] as number) & 0x7f800000) === 0x7f800000) return i;
  return -1;
}
/** The same; a function for both kinds of array would be half as fast. */
function infiniteHalf(bits: Uint16Array): number {
  for (let i = 0; i < bits.length; i++) if (((bits[i] as number) & 0x7c00) === 0x7c00) return i;
  return -1;
}

/** "[2, 0] of [3, 4]" */
function placeOf(element: number, shape: readonly number[]): string {
  const place: number[] = [];
  let rest = element;
  for (const extent of [...shape].reverse()) {
    place.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `[${place.join(', ')}] of [${shape.join(', ')}]`;
}
