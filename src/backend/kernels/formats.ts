/**
 * The formats in which a weight may be held. A kernel that reads weights is declared once and exists in each of them
 * under its name with the format's suffix: what a format changes is the type of one operand, and where its scale comes
 * from.
 */
import type { DType, Extent } from './spec.js';

/**
 * How the matrices of a model may be held on the device. f16: half the memory of f32, rounded to nearest, stored as
 * scale x f16; the scale is a power of two chosen so that small weights are not subnormal (they would lose bits and run
 * slowly). int8: a quarter; each output feature is stored as its largest weight over 127 (f32) times integers from -127
 * to 127; what a file stores as bytes keeps a scale for each 32 inputs of an output feature. int4: about a seventh; 32 neighbouring inputs of an output feature share a scale and perhaps a minimum (f16),
 * which take half a bit a weight each, and a weight is scale times an integer from 0 to 15, plus the minimum or minus
 * eight scales. Biases, norms and position embeddings stay f32, and all computation is in f32 (with int8 and int4
 * weights on WASM also in 16-bit integers, see the kernel gemmNTInt8). f16, int8 and int4 are [outputs, inputs], so that
 * the weights of an output feature are neighbours.
 */
export type WeightFormat = (typeof weightFormats)[number];
/** All of them, the widest first. */
export const weightFormats = ['f32', 'f16', 'int8', 'int4'] as const satisfies readonly DType[];

/**
 * What kernels read: of f32 the elements; of f16 the elements and a power of two from 2^-64 to 1 for all (`scale`); of
 * int8 signed bytes and a number for each row of the weight [outputs, inputs], or for each group of 32 neighbours along a row,
 * whose length is whole groups then (`scales` [rows, groups]); of int4 integers q from 0 to 15
 * in groups of 32 neighbours along a row, an element being scale (s q + m), s and m of its group halves (`scales`). A row
 * of `scales` has the s of each group, m then being -8 s; or s and m of each.
 */
const suffixes = { f32: '', f16: 'F16', int8: 'Int8', int4: 'Int4' } as const satisfies Record<WeightFormat, string>;
/** `Formatted<'gemmNT', 'f16'>` is 'gemmNTF16'. */
export type Formatted<Name extends string, F extends WeightFormat> = `${Name}${(typeof suffixes)[F]}`;
export const formatted = <Name extends string, F extends WeightFormat>(name: Name, format: F): Formatted<Name, F> =>
  `${name}${suffixes[format]}`;
/** The format in which a kernel reads its weight, by its name; 'f32' of a kernel without any. */
export const formatOf = (kernel: string): WeightFormat =>
  (['f16', 'int8', 'int4'] as const).find((format) => kernel.endsWith(suffixes[format])) ?? 'f32';

/** An operand of `shape` in a format. */
export type Stored<F extends WeightFormat, S extends readonly Extent[]> = F extends 'f32'
  ? S
  : { readonly shape: S; readonly dtype: F };
export const stored = <F extends WeightFormat, const S extends readonly Extent[]>(format: F, shape: S): Stored<F, S> =>
  (format === 'f32' ? shape : { shape, dtype: format }) as Stored<F, S>;

// biome-ignore lint/complexity/noBannedTypes: nothing is added to a record
type None = {};
export type ScaleParam<F extends WeightFormat> = F extends 'f16' | 'int4' ? { readonly scale: 'f32' } : None;
export const scaleParam = <F extends WeightFormat>(format: F): ScaleParam<F> =>
  (format === 'f16' || format === 'int4' ? { scale: 'f32' } : {}) as ScaleParam<F>;

/** `Axis` is that of the weight's rows. */
export type Scales<F extends WeightFormat, Axis extends string> = F extends 'int8'
  ? { readonly scales: readonly [Axis, 'groups'] }
  : F extends 'int4'
    ? { readonly scales: { readonly shape: readonly [Axis, 'halves']; readonly dtype: 'f16' } }
    : None;
export const scales = <F extends WeightFormat, Axis extends string>(format: F, axis: Axis): Scales<F, Axis> =>
  (format === 'int8'
    ? { scales: [axis, 'groups'] }
    : format === 'int4'
      ? { scales: { shape: [axis, 'halves'], dtype: 'f16' } }
      : {}) as Scales<F, Axis>;

/** The dims of a kernel, and the numbers of a row of scales where the format has several. */
export type WithScales<F extends WeightFormat, Names extends readonly string[]> = F extends 'int8'
  ? readonly [...Names, 'groups']
  : F extends 'int4'
    ? readonly [...Names, 'halves']
    : Readonly<Names>;
const ofScales = { f32: [], f16: [], int8: ['groups'], int4: ['halves'] } as const;
export const withScales = <F extends WeightFormat, const Names extends readonly string[]>(
  format: F,
  names: Names,
): WithScales<F, Names> => [...names, ...ofScales[format]] as unknown as WithScales<F, Names>;
