/*
 * NFC, NFD, NFKC, NFKD. The host has them: a text that is ASCII alone, which none of them changes, does not go there.
 */
import { Buffer } from '../buffer';
import { free } from '../memory';

/**
 * Normalizes `length` bytes at `from`. Returns where the host wrote the result: its length (u32), then its bytes, in a
 * block that is to be freed.
 */
// @ts-ignore: decorator
@external('env', 'unicodeForm')
declare function hostForm(form: u32, from: usize, length: u32): usize;

function isAscii(p: usize, end: usize): bool {
  for (; p + 16 <= end; p += 16) if (i8x16.bitmask(v128.load(p))) return false;
  for (; p < end; p++) if (load<u8>(p) >= 0x80) return false;
  return true;
}

export function unicodeForm(form: u32, from: usize, length: u32, to: Buffer<u8>): void {
  if (isAscii(from, from + length)) {
    to.append(from, length);
    return;
  }
  const result = hostForm(form, from, length);
  to.append(result + 4, load<u32>(result));
  free(result);
}
