/** How much texts differ from each other. */
import { OptionError } from '../errors.js';
import { requireOption } from '../requireOption.js';
import { bleuOfSum, checkBleu, countsBeside, MAX_ORDER } from './bleu.js';
import { type BleuTokenOptions, bleuTokenOptions, bleuTokens } from './bleuTokens.js';
import { countNGrams } from './nGrams.js';
import { metricOptions, wholeNumber } from './options.js';

/** Which runs are counted, and how texts are cut into tokens. */
export interface DistinctNOptions extends BleuTokenOptions {
  /** Tokens of a run. Default 2. */
  readonly n?: number;
}

/**
 * Distinct-n (Li et al., 2016), 0 to 100: how many different runs of n tokens there are in all texts together, of the
 * number of runs (as MiniLLM reports distinct 4-grams). 0 where no text is so long.
 * @throws OptionError without a text, and for unknown and wrong options
 */
export function distinctN(texts: readonly string[], options: DistinctNOptions = {}): number {
  checkTextList('distinctN', texts, 1);
  const { n, ...cutting } = metricOptions('distinctN', { n: wholeNumber(2, 1), ...bleuTokenOptions }, options);
  const different = new Set<string>();
  let runs = 0;
  for (const text of texts) {
    const words = bleuTokens(text, cutting);
    for (const gram of countNGrams(words, n).keys()) different.add(gram);
    runs += Math.max(0, words.length - n + 1);
  }
  return runs === 0 ? 0 : (100 * different.size) / runs;
}

/**
 * Self-BLEU (Zhu et al., 2018), 0 to 100: the mean over the texts of BLEU with all others as references. 100 where all are
 * the same, low where they differ. BLEU is that of a sentence: exponential smoothing, `effectiveOrder`.
 * @example
 * selfBleu(['A red cat.', 'A red cat.']); // 100
 * @throws OptionError for fewer than two texts, and for unknown and wrong options
 */
export function selfBleu(texts: readonly string[], options: BleuTokenOptions = {}): number {
  checkTextList('selfBleu', texts, 2);
  const cutting = metricOptions('selfBleu', bleuTokenOptions, options);
  const settings = checkBleu('selfBleu', { ...cutting, effectiveOrder: true });
  const all = texts.map((text) => bleuTokens(text, cutting));
  const most = Array.from({ length: MAX_ORDER }, (_, i) => twoHighestCounts(all, i + 1));
  const lengths = all.map(({ length }) => length).sort((a, b) => a - b);
  const total = all.reduce((sum, words, text) => {
    const allowed = (order: number) => ({ get: (gram: string) => most[order - 1]?.get(gram)?.besides(text) });
    return sum + bleuOfSum(countsBeside(words, allowed, closestOther(words.length, lengths)), settings).score;
  }, 0);
  return total / texts.length;
}

/** How often a run is at most in any text but one: known for every text from the two highest counts. */
class TwoHighest {
  #first = 0;
  #second = 0;
  #owner = -1;

  add(text: number, count: number): void {
    if (count > this.#first) {
      this.#second = this.#first;
      this.#first = count;
      this.#owner = text;
    } else this.#second = Math.max(this.#second, count);
  }

  besides(text: number): number {
    return text === this.#owner ? this.#second : this.#first;
  }
}

function twoHighestCounts(texts: readonly (readonly string[])[], order: number): Map<string, TwoHighest> {
  const most = new Map<string, TwoHighest>();
  for (const [text, words] of texts.entries()) {
    for (const [gram, count] of countNGrams(words, order)) {
      const counts = most.get(gram) ?? new TwoHighest();
      counts.add(text, count);
      most.set(gram, counts);
    }
  }
  return most;
}

/** Of sorted lengths, this one among them, the closest to it of the others; of two as close, the shorter. */
function closestOther(length: number, sorted: readonly number[]): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < length) low = middle + 1;
    else high = middle;
  }
  const [shorter = Number.NEGATIVE_INFINITY, longer = Number.POSITIVE_INFINITY] = [sorted[low - 1], sorted[low + 1]];
  return length - shorter <= longer - length ? shorter : longer;
}

function checkTextList(where: string, texts: unknown, least: number): void {
  const ok = Array.isArray(texts) && texts.every((text) => typeof text === 'string');
  requireOption(where, 'texts', texts, ok, 'a list of strings');
  const { length } = texts as unknown[];
  if (length >= least) return;
  throw new OptionError(`${where}: ${length} texts, expected at least ${least}.`, {
    option: 'texts',
    found: length,
    expected: least,
  });
}
