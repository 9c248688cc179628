/** ROUGE-L of texts of several lines, as summaries are scored: each line counts as a sentence. */
import { bestOf, checkRouge, fMeasure, type RougeOptions, rougeWords } from './rougeWords.js';

/**
 * ROUGE-Lsum F-measure, 0 to 100: for each line of the reference, the words that are in a longest common subsequence
 * with any line of the prediction (Lin, 2004, section 3.2), each word as often as both texts have it; the maximum over the
 * references. 100 times Google's rouge_score (`rougeLsum`, `use_stemmer`). Texts of one line score as by
 * `rougeL`.
 * @example
 * rougeLsum('It rains.\nThe cat sleeps.', ['The cat sleeps.\nIt rains.']); // 100, where rougeL is 60
 * @throws OptionError without a reference, and for unknown and wrong options
 */
export function rougeLsum(prediction: string, references: readonly string[], options: RougeOptions = {}): number {
  const checked = checkRouge('rougeLsum', options);
  const linesOf = (text: string) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => rougeWords(line, checked));
  return bestOf('rougeLsum', prediction, references, (reference) =>
    summaryScore(linesOf(prediction), linesOf(reference)),
  );
}

function summaryScore(predicted: readonly (readonly string[])[], expected: readonly (readonly string[])[]): number {
  const left = [countsOf(predicted), countsOf(expected)];
  let hits = 0;
  for (const line of expected) {
    const union = new Set(predicted.flatMap((other) => commonPlaces(line, other)));
    // A word counts no more often than each text has it.
    for (const place of [...union].sort((a, b) => a - b)) {
      const word = line[place] as string;
      if (left.some((counts) => (counts.get(word) ?? 0) === 0)) continue;
      for (const counts of left) counts.set(word, (counts.get(word) as number) - 1);
      hits++;
    }
  }
  const wordsOf = (lines: readonly (readonly string[])[]) => lines.reduce((sum, { length }) => sum + length, 0);
  return fMeasure(hits, wordsOf(predicted), wordsOf(expected));
}

function countsOf(lines: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of lines.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Where a longest common subsequence comes from, in a cell of the table. */
const [both, fromAbove, fromLeft] = [0, 1, 2];

/**
 * Places in `line` of a longest common subsequence with `other`. Of several the one that rouge_score finds: from the end,
 * a word of `line` is left out first.
 */
function commonPlaces(line: readonly string[], other: readonly string[]): number[] {
  const width = other.length;
  const ways = new Uint8Array(line.length * width);
  const row = new Int32Array(width + 1);
  for (let i = 0; i < line.length; i++) {
    let diagonal = 0;
    for (let j = 0; j < width; j++) {
      const above = row[j + 1] as number;
      const before = row[j] as number;
      if (line[i] === other[j]) row[j + 1] = diagonal + 1;
      else {
        ways[i * width + j] = before > above ? fromLeft : fromAbove;
        row[j + 1] = Math.max(above, before);
      }
      diagonal = above;
    }
  }
  const places: number[] = [];
  let [i, j] = [line.length - 1, width - 1];
  while (i >= 0 && j >= 0) {
    const way = ways[i * width + j];
    if (way === both) places.push(i);
    if (way !== fromLeft) i--;
    if (way !== fromAbove) j--;
  }
  return places;
}
