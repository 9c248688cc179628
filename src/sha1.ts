/** SHA-1 (FIPS 180-4) in JavaScript: Git names contents by it, and so does Hugging Face its small files. */
import { blockHash, type Hash, wordAt } from './blockHash.js';

const initial = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

const turned = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits));

export function createSha1(): Hash {
  const state = Int32Array.from(initial);
  const schedule = new Int32Array(80);
  return blockHash(state, (bytes, at) => {
    for (let i = 0; i < 16; i++) schedule[i] = wordAt(bytes, at, i);
    for (let i = 16; i < 80; i++) {
      schedule[i] = turned(schedule[i - 3]! ^ schedule[i - 8]! ^ schedule[i - 14]! ^ schedule[i - 16]!, 1);
    }
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
    for (let i = 0; i < 80; i++) {
      let mixed: number;
      if (i < 20) mixed = ((b & c) | (~b & d)) + 0x5a827999;
      else if (i < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
      else if (i < 60) mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
      else mixed = (b ^ c ^ d) + 0xca62c1d6;
      const next = (turned(a, 5) + mixed + e + schedule[i]!) | 0;
      e = d;
      d = c;
      c = turned(b, 30);
      b = a;
      a = next;
    }
    state[0]! += a;
    state[1]! += b;
    state[2]! += c;
    state[3]! += d;
    state[4]! += e;
  });
}
