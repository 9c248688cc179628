// Ids of the k largest logits of each row. Same contract as kernels/rows/topTokens.wgsl. The k-th largest is found digit by
// digit, of 11, 11 and 10 bits, in the integers that order the logits: each digit by counting how often it comes among the
// logits that have the digits before it.
import { keyOf } from './shared/keys';
import { scratch } from '../shared/scratch';

const DIGITS: u32 = 2048;

/** Working memory of a thread, in bytes: how often each digit comes. */
export function topTokensScratch(): usize {
  return <usize>DIGITS << 2;
}

/** ids [rows, k], ascending; of equal logits the lowest. Range: rows. */
export function topTokens(logits: usize, ids: usize, rows: u32, vocab: u32, k: u32, begin: u32, end: u32): void {
  for (let r = begin; r < end; r++) {
    const row = logits + ((<usize>r * vocab) << 2);
    // Of the logits with the digits found so far, so many are among the largest.
    let rest = k;
    let found: u32 = 0;
    let known: u32 = 0;
    for (let shift: u32 = 21; ; shift = shift == 21 ? 10 : 0) {
      const last: u32 = shift == 0 ? 1023 : 2047;
      const counts = scratch();
      memory.fill(counts, 0, <usize>DIGITS << 2);
      for (let j: u32 = 0; j < vocab; j++) {
        const key = keyOf(load<u32>(row + (j << 2)));
        if ((key & known) != found) continue;
        const at = counts + (((key >> shift) & last) << 2);
        store<u32>(at, load<u32>(at) + 1);
      }
      let digit = last;
      while (load<u32>(counts + (digit << 2)) < rest) {
        rest -= load<u32>(counts + (digit << 2));
        digit--;
      }
      found |= digit << shift;
      known |= last << shift;
      if (shift == 0) break;
    }
    let to = ids + ((<usize>r * k) << 2);
    for (let j: u32 = 0; j < vocab; j++) {
      const key = keyOf(load<u32>(row + (j << 2)));
      if (key < found || (key == found && rest == 0)) continue;
      if (key == found) rest--;
      store<u32>(to, j);
      to += 4;
    }
  }
}
