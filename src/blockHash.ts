/**
 * What SHA-1 and SHA-256 (FIPS 180-4) have in common: blocks of 64 bytes change a state of words, and the last blocks are
 * filled up with a 1 bit, zeros and the length. In JavaScript, for pages: the platform's own (`crypto.subtle`) is
 * asynchronous, takes all bytes at once, and is absent on pages without HTTPS.
 */

export interface Hash {
  update(bytes: Uint8Array): void;
  /** Hexadecimal digits. Ends the hash. */
  digest(): string;
}

const BLOCK = 64;

/** @param compress changes `state` by the block that begins at `at` */
export function blockHash(state: Int32Array, compress: (bytes: Uint8Array, at: number) => void): Hash {
  /** Bytes that do not fill a block yet. */
  const pending = new Uint8Array(BLOCK);
  let held = 0;
  let length = 0;

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

/** Word i of the block that begins at `at`, the first byte highest. */
export const wordAt = (bytes: Uint8Array, at: number, i: number): number => {
  const b = at + 4 * i;
  return (bytes[b]! << 24) | (bytes[b + 1]! << 16) | (bytes[b + 2]! << 8) | bytes[b + 3]!;
};
