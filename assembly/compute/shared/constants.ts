// Vector constants, read from memory. V8 materialises a v128.const at each use inside a loop and cannot pack two of
// them into 256 bits; a splatted load costs no more than a register move and packs (measured on exp4: 0.75 to 0.57 ns
// an element, 0.73 to 0.32 with the packing). The table is in the first 4 KiB of memory, which the host does not use.
// Every thread's instance writes the same bytes there when it starts, and nothing changes them.

const TABLE: usize = memory.data<f32>([
  -87.33654, 88.3, 1.44269504, 12582912, 0.693359375, 2.1219444e-4,
  0.0013951717410236597, 0.008369598537683487, 0.0416661873459816, 0.16666512191295624, 0.5, 1,
  1.17549435e-38,
  -0.07859554141759872, 0.12881635129451752, -0.13128770887851715, 0.14181195199489594, -0.16624552011489868,
  0.2000228613615036, -0.25000810623168945, 0.33333316445350647,
  -0.8333333, 0.8, -0.75, 0.6666667, -0.5, 0.05,
  1.5957691216, 0.044715, 0.134145,
  -3e38, 0,
  0.70710678, 10, 0.927734375,
  -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1,
  0.39894228, -0.5,
]);
const WORDS: usize = memory.data<u32>([0, 1, 2, 3, 4, 5, 6, 7, 0x3f3504f3, 0x9e3779b9, 0x7feb352d, 0x846ca68b, 0x8fffe000, 0x000f000f], 16);

/** Byte offsets of the constants in the table, for `constant`. */
export const EXP_LOWEST: usize = 0;
export const EXP_HIGHEST: usize = 4;
export const LOG2_E: usize = 8;
/** 1.5 * 2^23: adding it rounds to the nearest integer and leaves that integer in the low bits. */
export const ROUND: usize = 12;
/** log 2 in two parts, the first with 9 bits: an exponent times it is exact. */
export const LN2_HIGH: usize = 16;
/** Minus the second part. */
export const LN2_LOW: usize = 20;
/** (e^r - 1 - r) / r^2 for |r| <= log(2) / 2, highest power first: a minimax fit, relative error of e^r 3.4e-9. */
export const EXP_4: usize = 24;
export const EXP_3: usize = 28;
export const EXP_2: usize = 32;
export const EXP_1: usize = 36;
/** Also the last coefficient of exp. */
export const HALF: usize = 40;
export const ONE: usize = 44;
/** The smallest normal number, 2^-126. */
export const SMALLEST: usize = 48;
/**
 * (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f < sqrt(2), highest power first: relative error of log 5.9e-9.
 */
export const LOG_7: usize = 52;
export const LOG_6: usize = 56;
export const LOG_5: usize = 60;
export const LOG_4: usize = 64;
export const LOG_3: usize = 68;
export const LOG_2: usize = 72;
export const LOG_1: usize = 76;
export const LOG_0: usize = 80;
/**
 * x / (1 + x) - log(1 + x) = x^2 (-1/2 + 2/3 x - 3/4 x^2 + 4/5 x^3 - 5/6 x^4 ...), highest power first, below
 * SLOPE_SERIES.
 */
export const SLOPE_4: usize = 84;
export const SLOPE_3: usize = 88;
export const SLOPE_2: usize = 92;
export const SLOPE_1: usize = 96;
export const SLOPE_0: usize = 100;
export const SLOPE_SERIES: usize = 104;
/** 2 sqrt(2 / pi), and the cubic coefficient of GELU once and three times. */
export const GELU_SLOPE: usize = 108;
export const GELU_CUBIC: usize = 112;
export const GELU_CUBIC_3: usize = 116;
/** Below every score, yet finite: differences of it are not NaN. */
export const NO_SCORE: usize = 120;
export const ZERO: usize = 124;
export const SQRT_HALF: usize = 128;
/** From here on e^log(erfc) is 0 in f32. */
export const ERFC_GONE: usize = 132;
/** From here on log(erfc) is taken, below erf. */
export const ERFC_FROM: usize = 136;
/** (log(erfc(t)) + t) / t for ERFC_FROM < t, highest power first: N. Juffa's minimax fit. */
export const ERFC_6: usize = 140;
export const ERFC_5: usize = 144;
export const ERFC_4: usize = 148;
export const ERFC_3: usize = 152;
export const ERFC_2: usize = 156;
export const ERFC_1: usize = 160;
export const ERFC_0: usize = 164;
/** erf(a) / a - 1 in powers of a^2 for |a| <= ERFC_FROM, highest first: N. Juffa's minimax fit. */
export const ERF_5: usize = 168;
export const ERF_4: usize = 172;
export const ERF_3: usize = 176;
export const ERF_2: usize = 180;
export const ERF_1: usize = 184;
export const ERF_0: usize = 188;
/** 1 / sqrt(2 pi) */
export const DENSITY_AT_0: usize = 192;
export const MINUS_HALF: usize = 196;

/** Offsets of the integers, for `word`. */
export const SQRT_HALF_BITS: usize = 32;
export const HASH_INDEX: usize = 36;
export const HASH_1: usize = 40;
export const HASH_2: usize = 44;
/** The bits that a half's sign, exponent and fraction have in a float. */
export const HALF_BITS: usize = 48;
/** The lower four bits of 16. */
export const NIBBLES: usize = 52;

/** A float of the table in all lanes. */
// @ts-ignore: decorator
@inline
export function constant(offset: usize): v128 {
  return v128.load32_splat(TABLE + offset);
}

/** An integer of the table in all lanes. */
// @ts-ignore: decorator
@inline
export function word(offset: usize): v128 {
  return v128.load32_splat(WORDS + offset);
}

/** 0, 1, 2, 3: the lanes of the lower half of a pair. */
// @ts-ignore: decorator
@inline
export function lowLanes(): v128 {
  return v128.load(WORDS);
}

/** 4, 5, 6, 7: the lanes of the upper half of a pair. */
// @ts-ignore: decorator
@inline
export function highLanes(): v128 {
  return v128.load(WORDS + 16);
}
