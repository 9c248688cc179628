/*
 * xoshiro256** (Blackman and Vigna): period 2^256 - 1, state four u64 at `state`, seeded through splitmix64, as its
 * authors advise. From seed 1 the first draws are
 *   next: 12966619160104079557, 9600361134598540522, 10590380919521690900
 */
export const RNG_BYTES: u32 = 32;

export function seedRng(state: usize, seed: u64): void {
  for (let i: usize = 0; i < 32; i += 8) {
    seed += 0x9e3779b97f4a7c15;
    let z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    store<u64>(state + i, z ^ (z >> 31));
  }
}

export function next(state: usize): u64 {
  const s1 = load<u64>(state, 8);
  const result = rotl<u64>(s1 * 5, 7) * 9;
  const s0 = load<u64>(state);
  const s2 = load<u64>(state, 16) ^ s0;
  const s3 = load<u64>(state, 24) ^ s1;
  store<u64>(state, s0 ^ s3);
  store<u64>(state, s1 ^ s2, 8);
  store<u64>(state, s2 ^ (s1 << 17), 16);
  store<u64>(state, rotl<u64>(s3, 45), 24);
  return result;
}

/** Uniform in [0, 1), a multiple of 2^-53. */
export function uniform(state: usize): f64 {
  return <f64>(next(state) >> 11) * (1.0 / 9007199254740992.0);
}

/** Uniform in [0, n), n at least 1, without bias: Lemire's multiplication, drawing again in its short first stretch. */
export function below(state: usize, n: u32): u32 {
  const threshold: u32 = (<u32>0 - n) % n; // 2^32 mod n
  while (true) {
    const product = (next(state) >> 32) * <u64>n;
    if (<u32>product >= threshold) return <u32>(product >> 32);
  }
}

/** Fisher-Yates on `count` 32-bit words. */
export function shuffle(state: usize, words: usize, count: u32): void {
  for (let i = count; i > 1; i--) {
    const a = words + (<usize>(i - 1) << 2);
    const b = words + (<usize>below(state, i) << 2);
    const kept = load<u32>(a);
    store<u32>(a, load<u32>(b));
    store<u32>(b, kept);
  }
}
