import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSha256 } from '../src/sha256.js';
import { createRandom } from '../src/testing/random.js';

const expected = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('SHA-256', () => {
  it("equals Node's at every length of up to four blocks", () => {
    const random = createRandom(1);
    const bytes = Uint8Array.from({ length: 256 }, () => random.uniform() * 256);
    for (let length = 0; length <= bytes.length; length++) {
      const hash = createSha256();
      hash.update(bytes.subarray(0, length));
      expect(hash.digest(), `${length} bytes`).toBe(expected(bytes.subarray(0, length)));
    }
  });

  it('does not depend on how the bytes are divided', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 131) % 251);
    for (const step of [1, 3, 63, 64, 65, 127, 999]) {
      const hash = createSha256();
      for (let at = 0; at < bytes.length; at += step) hash.update(bytes.subarray(at, at + step));
      expect(hash.digest(), `pieces of ${step}`).toBe(expected(bytes));
    }
  });
});
