/*
 * Metaspace: spaces become a visible character, U+2581, which also stands before the text, and at each of them a piece
 * begins. ByteLevel's `add_prefix_space` is the same with a space for the character, and without cutting.
 */
import { equalBytes } from '../hash';
import { firstAt, pass, Step } from './index';

const NEVER: u32 = 0;
const FIRST: u32 = 1;

/** Puts the piece into `step.made`, with 16 readable bytes after it. */
export function spaced(step: Step, begin: usize, end: usize): void {
  const made = step.made;
  const text = step.text;
  const length = step.textLength;
  made.length = 0;
  made.reserve(<u32>(end - begin) + length + 16);
  const wanted = step.scheme != NEVER && (step.scheme != FIRST || begin == firstAt);
  const starts = load<u8>(begin) == 0x20 || (begin + length <= end && equalBytes(begin, text, length));
  if (wanted && !starts) made.append(text, length);
  let kept = begin;
  for (let p = begin; p < end; p++) {
    if (load<u8>(p) != 0x20) continue;
    made.append(kept, <u32>(p - kept));
    made.append(text, length);
    kept = p + 1;
  }
  made.append(kept, <u32>(end - kept));
  made.reserve(made.length + 16);
}

/** A piece begins at each `step.text`. As `passSome`. */
export function splitBefore(step: Step, p: usize, end: usize, stop: usize): usize {
  const next = step.level + 1;
  const text = step.text;
  const length = step.textLength;
  const first = i8x16.splat(load<i8>(text));
  while (p < stop) {
    let q = p + 1;
    while (q < end) {
      const hits = i8x16.bitmask(i8x16.eq(v128.load(q), first));
      if (!hits) {
        q += 16;
        continue;
      }
      q += ctz(hits);
      if (q + length <= end && equalBytes(q, text, length)) break;
      q += 1;
    }
    if (q > end) q = end;
    pass(next, p, q);
    p = q;
  }
  return p;
}
