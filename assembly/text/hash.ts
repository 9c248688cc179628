/* The one hash of this module's tables: of bytes and of 64-bit keys. */
const PRIME: u64 = 0x9e3779b97f4a7c15;

/** Spreads a 64-bit key; tables take the low bits. */
// @ts-ignore: decorator
@inline export function hash64(key: u64): u32 {
  let h = key * PRIME;
  h ^= h >> 32;
  return <u32>((h * PRIME) >> 32);
}

/** Hash of `length` bytes. Reads up to 7 bytes past their end (and ignores them). */
export function hashBytes(from: usize, length: u32): u32 {
  let h: u64 = length;
  let rest = length;
  while (rest >= 8) {
    h = (h ^ load<u64>(from)) * PRIME;
    h ^= h >> 29;
    from += 8;
    rest -= 8;
  }
  if (rest) h ^= load<u64>(from) & ((1 << (<u64>rest << 3)) - 1);
  return hash64(h);
}

export function equalBytes(a: usize, b: usize, length: u32): bool {
  let rest = length;
  while (rest >= 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
    rest -= 8;
  }
  while (rest) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a += 1;
    b += 1;
    rest -= 1;
  }
  return true;
}
