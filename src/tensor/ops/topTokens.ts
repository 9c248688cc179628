/**
 * Distributions over a few tokens and all others together. Of a row of logits, k tokens stand alone and the others become
 * one, with the probability that they have together: a distribution of k + 1 outcomes. A KL of two such is a lower bound of
 * that over all tokens, 0 only where the two agree on each of the k and on the rest as a whole; renormalised over the k alone
 * it would be none. Any divergence may be taken of them, by the kernels that take it of whole rows
 * (`divergenceFromTop`).
 *
 * So a teacher need not have its logits at hand: the log-probabilities of its k likeliest tokens, and that of the rest, are
 * reduced logits as they are.
 */
import { requireOption } from '../../requireOption.js';
import { run } from '../run.js';
import { Tensor } from '../tensor.js';

/** Rows of which k tokens stand alone. */
export interface TopTokens {
  /** [rows, k] i32: which tokens, that differ, in any order. */
  readonly ids: Tensor;
  /**
   * Logits of these, and of all others together, [rows, k + 1]. Any constant may be added to a row. -1e30 where the others
   * have no share.
   */
  readonly logits: Tensor;
}

/**
 * Ids of the k largest logits of each row, ascending; of equal ones the lowest.
 * @param logits [rows, vocab]
 * @returns [rows, k] i32
 * @throws OptionError for a k that is not from 1 to vocab
 */
export function topTokens(logits: Tensor, k: number): Tensor {
  const [rows, vocab] = logits.shape as [number, number];
  const isInside = Number.isInteger(k) && k >= 1 && k <= vocab;
  requireOption('topTokens', 'k', k, isInside, `an integer from 1 to ${vocab}, the size of the vocabulary`);
  const ids = Tensor.zeros(logits.device, [rows, k], 'i32', 'topTokens.ids');
  run(logits.device, 'topTokens', { logits, ids }, {});
  return ids;
}

/** Rows of which k tokens stand alone, taken from whole ones. */
export interface ReducedRows extends TopTokens {
  /** The largest logit of each row, [rows], which is subtracted from `logits`. */
  readonly top: Tensor;
}

/**
 * The logits of the tokens `ids` of each row, and of all others together, less the row's largest. Divided by the temperature, their softmax has the probabilities that the whole row has at that temperature.
 * @param logits [rows, vocab]
 */
export function reduceToTop(logits: Tensor, ids: Tensor, temperature: number): ReducedRows {
  const { device } = logits;
  const [rows, k] = ids.shape as [number, number];
  const reduced = Tensor.empty(device, [rows, k + 1], 'f32', 'reduceToTop.reduced');
  const { top } = run(device, 'reduceToTop', { logits, ids, reduced }, { temperature });
  return { ids, logits: reduced, top };
}
