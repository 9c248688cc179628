/**
 * Reads a word of every cache line of [from, to). Memory delivers a straight run of reads about twice as fast as the rows
 * side by side in which products then read it, from the cache.
 */
export function fetchAhead(from: usize, to: usize, target: usize): void {
  let word: u32 = 0;
  for (let at = from; at < to; at += 64) word |= load<u32>(at);
  // Stored, so that no compiler drops the reads.
  store<u32>(target, word);
}

/**
 * Reads four cache lines of every page of memory that begins in [from, to), perhaps behind `to`. A processor follows a straight
 * run by itself, but anew in every page, which much computing between reads gives it little room to hide.
 */
export function fetchPages(from: usize, to: usize, target: usize): void {
  let word: u32 = 0;
  for (let at = (from + 4095) & ~4095; at < to; at += 4096) {
    word |= load<u32>(at) | load<u32>(at, 64) | load<u32>(at, 128) | load<u32>(at, 192);
  }
  store<u32>(target, word);
}
