import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createSha1 } from '../src/sha1.js';
import { createRandom } from '../src/testing/random.js';

it("SHA-1 equals Node's at every length of up to four blocks, in pieces as well", () => {
  const random = createRandom(1);
  const bytes = Uint8Array.from({ length: 256 }, () => random.uniform() * 256);
  for (let length = 0; length <= bytes.length; length++) {
    const hash = createSha1();
    hash.update(bytes.subarray(0, length >> 1));
    hash.update(bytes.subarray(length >> 1, length));
    const expected = createHash('sha1').update(bytes.subarray(0, length)).digest('hex');
    expect(hash.digest(), `${length} bytes`).toBe(expected);
  }
});
