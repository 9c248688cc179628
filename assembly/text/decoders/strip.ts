/* Strip: a character goes, up to some times, from the start and from the end of each token. */
import { equalBytes } from '../hash';
import { TokenList } from './tokenList';

export function stripEnds(
  text: usize, length: u32, start: u32, stop: u32, from: TokenList, to: TokenList,
): void {
  for (let i: u32 = 0; i < from.ends.length; i++) {
    let begin = from.begin(i);
    let end = from.end(i);
    for (let n: u32 = 0; n < start && begin + length <= end && equalBytes(begin, text, length); n++) begin += length;
    for (let n: u32 = 0; n < stop && begin + length <= end && equalBytes(end - length, text, length); n++) end -= length;
    to.bytes.append(begin, <u32>(end - begin));
    to.close();
  }
}
