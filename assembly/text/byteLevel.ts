/*
 * GPT-2's byte alphabet: a token's text in the files has one visible character a byte. Bytes that are visible in
 * Latin-1 stand for themselves; the other 68 are U+0100, U+0101, ... in order.
 */

import { alloc } from './memory';

/** Byte of each character below U+0144, or -1. */
let bytes: usize = 0;

// @ts-ignore: decorator
@inline function visible(byte: u32): bool {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

export function openByteLevel(): void {
  if (bytes) return;
  bytes = alloc(0x144 * sizeof<i16>());
  memory.fill(bytes, 0xff, 0x144 * sizeof<i16>());
  let next: u32 = 0x100;
  for (let byte: u32 = 0; byte < 256; byte++) {
    store<i16>(bytes + (<usize>(visible(byte) ? byte : next++) << 1), <i16>byte);
  }
}

/**
 * Writes the bytes that the token text [from, from + length) stands for to `to` and returns how many; the text itself
 * is copied when it has a character outside the alphabet, as Hugging Face's decoder does, and -1 minus that returned.
 */
export function tokenBytes(from: usize, length: u32, to: usize): i32 {
  const end = from + length;
  let out = to;
  for (let p = from; p < end; ) {
    const a: u32 = load<u8>(p);
    let code = a;
    if (a < 0x80) p += 1;
    else if (a < 0xe0) {
      code = ((a & 31) << 6) | (load<u8>(p, 1) & 63);
      p += 2;
    } else code = 0x144;
    const byte: i32 = code < 0x144 ? load<i16>(bytes + (<usize>code << 1)) : -1;
    if (byte < 0) {
      memory.copy(to, from, length);
      return -1 - <i32>length;
    }
    store<u8>(out, <u8>byte);
    out += 1;
  }
  return <i32>(out - to);
}
