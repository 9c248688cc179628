/** How often each run of n words is in a text. */

/** By the words of the run with spaces between them: no word has one in it. */
export function countNGrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const gram = n === 1 ? (words[i] as string) : words.slice(i, i + n).join(' ');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}
