/**
 * Which function of the module multiplies. All of it was measured on x86-64 at the shapes of GPT-2 small, with 128-bit
 * and 256-bit vectors. Elements have the same bits on every path of one product, so that a choice may depend on the
 * number of rows; except for the segments of gemmSkinnyNN, whose choice depends on the weight's shape alone.
 */
import type { ProductName } from '../../kernels/products.js';

export type Path =
  /** Packed panels of a and b, tile by tile: each element of b is packed once and used for every row of a. */
  | { readonly kind: 'packed'; readonly name: ProductName }
  /** b unpacked, its rows [k, n] in this many segments. */
  | { readonly kind: 'segments'; readonly segments: number }
  /** Dot products with the rows of b [n, k], which is read once and in order. */
  | { readonly kind: 'dots'; readonly name: string; readonly scratch: 'gemmDot' | 'gemmDotInt8' | 'gemmDotInt4' };

/** Up to so many rows, packing b costs more than it saves. */
const FEW_ROWS = 32;
/** Depths of whole blocks of so many f16 need no copy of b's rows. */
const WHOLE_BLOCK = 16;
/** A weight of fewer elements stays in the caches, where it does not matter in which order it is read. */
const CACHED_ELEMENTS = 524_288;
/** Rows of b of this length are long enough for sequential reads. */
const LONG_ROW = 8192;

export function choosePath(kernel: ProductName, m: number, n: number, k: number): Path {
  const few = m <= FEW_ROWS;
  if (kernel === 'gemmNN' && few) {
    // Memory delivers whole rows of b fastest. The bits depend on the segments, so threads have no say in their number.
    return { kind: 'segments', segments: n * k < CACHED_ELEMENTS || n > LONG_ROW ? 1 : 4 };
  }
  // Sums of integers are twice as fast as those of floats, for any number of rows.
  if (kernel === 'gemmNTInt8') return { kind: 'dots', name: 'gemmDotInt8', scratch: 'gemmDotInt8' };
  // One way for any number of rows here, too: an answer does not depend on how many others are beside it.
  if (kernel === 'gemmNTInt4') return { kind: 'dots', name: 'gemmDotInt4', scratch: 'gemmDotInt4' };
  if (kernel === 'gemmNT' && few) {
    // From 3 rows on, a strip of b in the cache that meets four of them at a time is faster than b row by row.
    return { kind: 'dots', name: m < 3 ? 'gemmDotStraight' : 'gemmDotStrips', scratch: 'gemmDot' };
  }
  if (kernel === 'gemmNTF16' && few) {
    // f16 is unpacked anew for every four rows of a, so that strips, unpacked once, win later: from 9 rows on. 6 to 8
    // rows at once unpack once, too; of 5 rows, four and then one are faster.
    const straight = m > 5 && k % WHOLE_BLOCK === 0 ? 'gemmDotEightF16' : 'gemmDotStraightF16';
    return { kind: 'dots', name: m <= 8 ? straight : 'gemmDotStripsF16', scratch: 'gemmDot' };
  }
  return { kind: 'packed', name: kernel };
}
