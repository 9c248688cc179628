/**
 * Text that must be UTF-8. A decoder that puts U+FFFD in place of what it cannot read would change names and tokens
 * without a word, so files are decoded strictly, and the message says where they are not UTF-8.
 */
import { CheckpointError } from '../errors.js';
import { mistaken } from './likeness.js';

/**
 * The text of a file, without a byte order mark.
 * @param expected what the file should be, for messages: "JSON"
 * @throws CheckpointError with the line and the byte that is not UTF-8, or what the file looks like
 */
export function decodeText(bytes: Uint8Array, where: string, expected: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError(mistaken(where, bytes, expected) ?? `${where}: ${notUtf8(bytes)}`, { cause });
  }
}

/** "line 3, byte 41 (0xE9) is not UTF-8. Convert the file to UTF-8." Lines and bytes count from 1. */
export function notUtf8(bytes: Uint8Array, { lines = 0, before = 0 } = {}): string {
  const at = firstInvalid(bytes);
  let line = lines + 1;
  for (let i = 0; i < at; i++) if (bytes[i] === 0x0a) line++;
  const found = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  return `line ${line}, byte ${before + at + 1} of the file (0x${found}) is not UTF-8. Convert the file to UTF-8.`;
}

/** Index of the first byte that belongs to no whole UTF-8 character; the length where there is none. */
export function firstInvalid(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Bytes of the character at `at`; 0 where there is no whole one. Source: the Unicode Standard, table 3-7. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  // The second byte has a narrower range where longer forms, surrogates and numbers above U+10FFFF would begin.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < least || second > most) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Whether a string has no half of a surrogate pair, which UTF-8 cannot hold. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
