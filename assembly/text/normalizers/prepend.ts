/* Prepend: a text that is not empty begins with another. */
import { Buffer } from '../buffer';

export function prepend(text: usize, textLength: u32, from: usize, length: u32, to: Buffer<u8>): void {
  if (!length) return;
  to.append(text, textLength);
  to.append(from, length);
}
