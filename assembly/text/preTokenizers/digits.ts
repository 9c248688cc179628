/* Digits: cuts numbers, or each of their digits, out of a text. */
import { classAt, KIND, LENGTH_SHIFT, NUMBER } from '../characters';
import { pass, Step } from './index';

/** First place in [p, end) of an ASCII digit, or of a byte that is not ASCII. */
function candidate(p: usize, end: usize): usize {
  const zero = i8x16.splat(0x30);
  const ten = i8x16.splat(10);
  for (; p + 16 <= end; p += 16) {
    const bytes = v128.load(p);
    const hits = i8x16.bitmask(v128.or(bytes, i8x16.lt_u(i8x16.sub(bytes, zero), ten)));
    if (hits) return p + ctz(hits);
  }
  while (p < end && load<u8>(p) < 0x80 && <u32>load<u8>(p) - 0x30 >= 10) p += 1;
  return p;
}

export function digits(step: Step, begin: usize, end: usize): void {
  const next = step.level + 1;
  let p = candidate(begin, end);
  while (p < end) {
    let c = classAt(p);
    let stop = p + (c >> LENGTH_SHIFT);
    if ((c & KIND) != NUMBER) {
      p = candidate(stop, end);
      continue;
    }
    while (!step.individual && stop < end) {
      c = classAt(stop);
      if ((c & KIND) != NUMBER) break;
      stop += c >> LENGTH_SHIFT;
    }
    pass(next, begin, p);
    pass(next, p, stop);
    begin = stop;
    p = candidate(stop, end);
  }
  pass(next, begin, end);
}
