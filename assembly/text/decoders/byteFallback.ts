/*
 * ByteFallback: tokens like <0xE2> in a row are the bytes of one text. When they are not valid UTF-8, all of it, each
 * becomes U+FFFD.
 */
import { byteNamed } from '../vocabulary';
import { TokenList } from './tokenList';

/** Length of the character at `p` by its bytes, 0 when it is not valid UTF-8. */
function validLength(p: usize, end: usize): u32 {
  const a: u32 = load<u8>(p);
  if (a < 0x80) return 1;
  if (a < 0xc2 || a > 0xf4) return 0;
  const length: u32 = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
  if (p + length > end) return 0;
  for (let i: u32 = 1; i < length; i++) if ((load<u8>(p + i) & 0xc0) != 0x80) return 0;
  const b: u32 = load<u8>(p, 1);
  if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f)) return 0;
  return length;
}

function isValid(p: usize, end: usize): bool {
  while (p < end) {
    const length = validLength(p, end);
    if (!length) return false;
    p += length;
  }
  return true;
}

export function joinBytes(from: TokenList, to: TokenList): void {
  const count = from.ends.length;
  const bytes = to.bytes;
  for (let i: u32 = 0; i < count; ) {
    const first = i;
    const start = bytes.length;
    for (; i < count; i++) {
      const byte = byteNamed(from.begin(i), <u32>(from.end(i) - from.begin(i)));
      if (byte < 0) break;
      bytes.push(<u8>byte);
    }
    if (i == first) {
      bytes.append(from.begin(i), <u32>(from.end(i) - from.begin(i)));
      to.close();
      i += 1;
      continue;
    }
    if (isValid(bytes.data + start, bytes.data + bytes.length)) {
      to.close();
      continue;
    }
    bytes.length = start;
    for (let n = first; n < i; n++) {
      bytes.push(0xef);
      bytes.push(0xbf);
      bytes.push(0xbd);
      to.close();
    }
  }
}
