/**
 * Standard normal numbers that are the same bits on every machine and engine: only integer operations, + - * / and
 * Math.sqrt, which hardware rounds correctly. Math.log, cos and the like differ between engines, so the logarithm is
 * our own.
 */
export function normalGenerator(seed: number): () => number {
  const uniform = uniformGenerator(seed);
  let spare: number | undefined;
  // Marsaglia's polar method: a point of the unit disc gives two independent normals.
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const s = x * x + y * y;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * log(s)) / s);
      spare = y * scale;
      return x * scale;
    }
  };
}

/** Numbers in (0, 1), 32 random bits each: sfc32 (Chris Doty-Humphrey's PractRand), seeded through its own mixing. */
function uniformGenerator(seed: number): () => number {
  let [a, b, c, counter] = [0, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return () => (next() + 0.5) * 2 ** -32;
}

/** Natural logarithm of x in (0, 1), to about 1e-15 relative. */
export function log(x: number): number {
  let exponent = 0;
  let m = x;
  while (m < Math.SQRT1_2) {
    m *= 2;
    exponent--;
  }
  // ln m = 2 atanh(t), t = (m - 1) / (m + 1), |t| < 0.172: the terms fall by 34 each.
  const t = (m - 1) / (m + 1);
  const square = t * t;
  let sum = 0;
  for (let power = 23; power >= 1; power -= 2) sum = sum * square + 1 / power;
  return 2 * t * sum + exponent * Math.LN2;
}

/** A well-mixed u32 for each (seed, index): MurmurHash3's finaliser. For seeds of dropout masks. */
export function mixSeed(seed: number, index: number): number {
  let h = (seed + Math.imul(index, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
