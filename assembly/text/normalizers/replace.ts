/* Replace: another text in place of each match of a pattern. */
import { automatonAt, matchEnd, matchesEnd } from '../automaton';
import { Buffer } from '../buffer';
import { characterLength } from '../characters';

export function replace(
  pattern: u32, text: usize, textLength: u32, from: usize, length: u32, to: Buffer<u8>,
): void {
  const automaton = automatonAt(pattern);
  const end = from + length;
  let kept = from;
  for (let p = from; p < end; ) {
    const stop = matchEnd(automaton, p, end);
    if (stop == p) {
      p += characterLength(load<u8>(p));
      continue;
    }
    to.append(kept, <u32>(p - kept));
    to.append(text, textLength);
    p = stop;
    kept = stop;
  }
  to.append(kept, <u32>(end - kept));
  // A match of nothing at the end, unless another ended there.
  if (length && (kept < end || kept == from) && matchesEnd(automaton)) to.append(text, textLength);
}
