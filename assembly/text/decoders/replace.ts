/* Replace: another text in place of each match of a pattern, token by token. */
import { replace } from '../normalizers/replace';
import { TokenList } from './tokenList';

export function replaceIn(automaton: u32, text: usize, length: u32, from: TokenList, to: TokenList): void {
  for (let i: u32 = 0; i < from.ends.length; i++) {
    const begin = from.begin(i);
    replace(automaton, text, length, begin, <u32>(from.end(i) - begin), to.bytes);
    to.close();
  }
}
