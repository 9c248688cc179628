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
