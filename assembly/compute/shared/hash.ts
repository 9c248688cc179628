// The hash of kernels/shared/hash.wgsl (lowbias32 on a golden-ratio counter), four elements at a time: which elements
// dropout keeps.
import { HASH_1, HASH_2, HASH_INDEX, word } from './constants';

/** All bits of a lane where hash(seed, index) >= threshold, none elsewhere. */
// @ts-ignore: decorator
@inline
export function kept(index: v128, seed: v128, threshold: v128): v128 {
  let h = i32x4.add(i32x4.mul(index, word(HASH_INDEX)), seed);
  h = v128.xor(h, i32x4.shr_u(h, 16));
  h = i32x4.mul(h, word(HASH_1));
  h = v128.xor(h, i32x4.shr_u(h, 15));
  h = i32x4.mul(h, word(HASH_2));
  h = v128.xor(h, i32x4.shr_u(h, 16));
  return i32x4.ge_u(h, threshold);
}
