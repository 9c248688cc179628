/** Unsigned integers in the order of the floats; -0 is 0, NaN is above all. */
// @ts-ignore: decorator
@inline
export function keyOf(bits: u32): u32 {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0xffffffff;
  return bits > 0x80000000 ? ~bits : bits | 0x80000000;
}
