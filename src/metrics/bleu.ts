/** BLEU, the score of translations. */
import { checkLists } from './checkTexts.js';
import { splitWords, stripEnd } from './pythonText.js';

const MAX_ORDER = 4;

/** BLEU and what it is made of. */
export interface BleuScore {
  /** 0 to 100. */
  readonly score: number;
  /** Of 1- to 4-grams, 0 to 100; those without a match are smoothed. */
  readonly precisions: readonly number[];
  /** 0 to 1: below 1 where the predictions are shorter than the references. */
  readonly brevityPenalty: number;
  /** Tokens of the predictions. */
  readonly length: number;
  /** Tokens of the references, of several those of the one closest in length. */
  readonly referenceLength: number;
}

/**
 * Corpus BLEU (Papineni et al., 2002) as sacrebleu computes it by default: the 13a tokenizer, case kept, 1- to 4-grams,
 * exponential smoothing (each order without a match counts half of the one before).
 * @param references the references of each prediction, at least one
 * @throws OptionError for empty or unequal lists
 */
export function bleu(predictions: readonly string[], references: readonly (readonly string[])[]): BleuScore {
  const matches = new Array<number>(MAX_ORDER).fill(0);
  const totals = new Array<number>(MAX_ORDER).fill(0);
  let length = 0;
  let referenceLength = 0;
  checkLists('bleu', predictions, references);
  predictions.forEach((prediction, index) => {
    const words = tokenize13a(prediction);
    const others = (references[index] as readonly string[]).map(tokenize13a);
    length += words.length;
    referenceLength += closestLength(words.length, others);
    for (let order = 1; order <= MAX_ORDER; order++) {
      const allowed = maximumCounts(others, order);
      for (const [gram, count] of countGrams(words, order)) {
        matches[order - 1]! += Math.min(count, allowed.get(gram) ?? 0);
        totals[order - 1]! += count;
      }
    }
  });
  const brevityPenalty = length >= referenceLength ? 1 : length === 0 ? 0 : Math.exp(1 - referenceLength / length);
  const precisions = smoothedPrecisions(matches, totals);
  const product = precisions.reduce((log, precision) => log + Math.log(precision), 0) / MAX_ORDER;
  const score = matches.some((count) => count > 0) ? brevityPenalty * Math.exp(product) : 0;
  return { score, precisions, brevityPenalty, length, referenceLength };
}

function smoothedPrecisions(matches: readonly number[], totals: readonly number[]): number[] {
  let divisor = 1;
  return totals.map((total, i) => {
    if (total === 0 || !matches.some((count) => count > 0)) return 0;
    const count = matches[i] as number;
    if (count > 0) return (100 * count) / total;
    divisor *= 2;
    return 100 / (divisor * total);
  });
}

/** The reference length closest to the prediction's; of two as close, the shorter. */
function closestLength(length: number, references: readonly (readonly string[])[]): number {
  return references
    .map((words) => words.length)
    .reduce((best, candidate) => {
      const nearer = Math.abs(candidate - length) - Math.abs(best - length);
      return nearer < 0 || (nearer === 0 && candidate < best) ? candidate : best;
    });
}

function countGrams(words: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + order <= words.length; i++) {
    const gram = words.slice(i, i + order).join(' ');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

function maximumCounts(references: readonly (readonly string[])[], order: number): Map<string, number> {
  const most = new Map<string, number>();
  for (const words of references) {
    for (const [gram, count] of countGrams(words, order)) most.set(gram, Math.max(count, most.get(gram) ?? 0));
  }
  return most;
}

/** The tokenizer of WMT's mteval-v13a: punctuation apart, except inside numbers. */
function tokenize13a(text: string): string[] {
  const plain = stripEnd(text)
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  const apart = ` ${plain} `
    .replace(/([{-~[-` -&(-+:-@/])/gu, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/gu, '$1 $2 ');
  return splitWords(apart);
}
