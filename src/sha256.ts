/**
 * SHA-256 (FIPS 180-4) in JavaScript, for digests of data. The platform's own (`crypto.subtle`) is asynchronous, takes
 * all bytes at once, and is absent on pages without HTTPS.
 */

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** 64 hexadecimal digits. Ends the hash. */
  digest(): string;
}

const BLOCK = 64;
const primes = Array.from({ length: 312 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
);
/** The first 32 bits behind the point. A double has 20 bits more than the largest of these roots needs. */
const fraction = (root: number) => ((root % 1) * 2 ** 32) | 0;
const initial = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const constants = Int32Array.from(primes.slice(0, BLOCK), (prime) => fraction(Math.cbrt(prime)));

const rotated = (word: number, bits: number) => (word >>> bits) | (word << (32 - bits));

export function createSha256(): Sha256 {
  const state = initial.slice();
  const schedule = new Int32Array(BLOCK);
  /** Bytes that do not fill a block yet. */
  const pending = new Uint8Array(BLOCK);
  let held = 0;
  let length = 0;

  function compress(bytes: Uint8Array, at: number): void {
    for (let i = 0; i < 16; i++) {
      const b = at + 4 * i;
      schedule[i] = (bytes[b]! << 24) | (bytes[b + 1]! << 16) | (bytes[b + 2]! << 8) | bytes[b + 3]!;
    }
    for (let i = 16; i < BLOCK; i++) {
      const x = schedule[i - 15]!;
      const y = schedule[i - 2]!;
      const s0 = rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3);
      const s1 = rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10);
      schedule[i] = schedule[i - 16]! + s0 + schedule[i - 7]! + s1;
    }
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    let e = state[4]!;
    let f = state[5]!;
    let g = state[6]!;
    let h = state[7]!;
    for (let i = 0; i < BLOCK; i++) {
      const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i]! + schedule[i]!) | 0;
      const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0]! += a;
    state[1]! += b;
    state[2]! += c;
    state[3]! += d;
    state[4]! += e;
    state[5]! += f;
    state[6]! += g;
    state[7]! += h;
  }

  function update(bytes: Uint8Array): void {
    length += bytes.length;
    let at = 0;
    if (held > 0) {
      at = Math.min(BLOCK - held, bytes.length);
      pending.set(bytes.subarray(0, at), held);
      held += at;
      if (held < BLOCK) return;
      compress(pending, 0);
      held = 0;
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) compress(bytes, at);
    pending.set(bytes.subarray(at));
    held = bytes.length - at;
  }

  function digest(): string {
    const bits = 8 * length;
    // A 1 bit, then zeros up to the length in bits as the last 8 bytes of a block.
    const padding = new Uint8Array((held < 56 ? BLOCK : 2 * BLOCK) - held);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits % 2 ** 32);
    update(padding);
    return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  return { update, digest };
}
