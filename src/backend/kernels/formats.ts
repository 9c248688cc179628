/**
 * The formats in which a weight may be held. A kernel that reads weights is declared once and exists in each of them
 * under its name with the format's suffix: what a format changes is the type of one operand, and where its scale comes
 * from.
 */
import type { DType, Extent } from './spec.js';

/**
 * f32: as it is. f16: half precision, the whole matrix times a power of two from 2^-64 to 1 (`scale`). int8: signed
 * bytes, each row of the weight [outputs, inputs] times a number of its own (`scales`).
 */
export type WeightFormat = Extract<DType, 'f32' | 'f16' | 'int8'>;

const suffixes = { f32: '', f16: 'F16', int8: 'Int8' } as const satisfies Record<WeightFormat, string>;
/** `Formatted<'gemmNT', 'f16'>` is 'gemmNTF16'. */
export type Formatted<Name extends string, F extends WeightFormat> = `${Name}${(typeof suffixes)[F]}`;
export const formatted = <Name extends string, F extends WeightFormat>(name: Name, format: F): Formatted<Name, F> =>
  `${name}${suffixes[format]}`;

/** An operand of `shape` in a format. */
export type Stored<F extends WeightFormat, S extends readonly Extent[]> = F extends 'f32'
  ? S
  : { readonly shape: S; readonly dtype: F };
export const stored = <F extends WeightFormat, const S extends readonly Extent[]>(format: F, shape: S): Stored<F, S> =>
  (format === 'f32' ? shape : { shape, dtype: format }) as Stored<F, S>;

// biome-ignore lint/complexity/noBannedTypes: nothing is added to a record
type None = {};
export type ScaleParam<F extends WeightFormat> = F extends 'f16' ? { readonly scale: 'f32' } : None;
export const scaleParam = <F extends WeightFormat>(format: F): ScaleParam<F> =>
  (format === 'f16' ? { scale: 'f32' } : {}) as ScaleParam<F>;

export type Scales<F extends WeightFormat, Axis extends string> = F extends 'int8'
  ? { readonly scales: readonly [Axis] }
  : None;
export const scales = <F extends WeightFormat, Axis extends string>(format: F, axis: Axis): Scales<F, Axis> =>
  (format === 'int8' ? { scales: [axis] } : {}) as Scales<F, Axis>;
