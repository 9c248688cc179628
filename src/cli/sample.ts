/** One training sample as people read it: its text, with what counts in the loss between brackets. */
import type { Sample, Tokenizer } from '../index.js';

/** Brackets that texts rarely have. */
const [open, close] = ['\u27e6', '\u27e7'];

/** The first token of all is predicted from nothing, and counts nowhere. */
export function drawnSample({ ids, promptLength, lossMask }: Sample, tokenizer: Tokenizer): string {
  const counts = (at: number) => (lossMask ? lossMask[at] === 1 : at >= promptLength) && at > 0;
  let drawn = '';
  for (let from = 0, to = 1; from < ids.length; from = to++) {
    while (to < ids.length && counts(to) === counts(from)) to++;
    const text = tokenizer.decode(ids.subarray(from, to));
    drawn += counts(from) ? `${open}${text}${close}` : text;
  }
  return drawn;
}
