/* Strip: white space at the ends goes. */
import { Buffer } from '../buffer';
import { spacesAfter, spacesBefore } from '../characters';

export function strip(left: bool, right: bool, from: usize, length: u32, to: Buffer<u8>): void {
  let end = from + length;
  const begin = left ? spacesAfter(from, end) : from;
  if (right) end = spacesBefore(begin, end);
  to.append(begin, <u32>(end - begin));
}
