/* Metaspace: the visible character becomes a space again; in the first token it goes. */
import { equalBytes } from '../hash';
import { TokenList } from './tokenList';

export function spaceOut(text: usize, length: u32, strips: bool, from: TokenList, to: TokenList): void {
  for (let i: u32 = 0; i < from.ends.length; i++) {
    const end = from.end(i);
    let kept = from.begin(i);
    for (let p = kept; p + length <= end; ) {
      if (!equalBytes(p, text, length)) {
        p += 1;
        continue;
      }
      to.bytes.append(kept, <u32>(p - kept));
      if (i || !strips) to.bytes.push(0x20);
      p += length;
      kept = p;
    }
    to.bytes.append(kept, <u32>(end - kept));
    to.close();
  }
}
