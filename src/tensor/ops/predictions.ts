/**
 * Predictions of a model as something to store: of each predicted row the likeliest tokens and the share of all others, and
 * the divergence of a student from them. A thousandth of the logits, and all that `divergence` needs of a teacher that is
 * not in memory. topTokens.ts says what such rows are.
 *
 * Putting outcomes together never makes distributions easier to tell apart: of every f-divergence the value is between 0 and
 * that over all tokens, rises as further tokens stand alone, and is the same where all do (the data processing inequality;
 * Csiszar 1967).
 */
import type { DivergenceKind } from '../../backend/kernels/index.js';
import { tidy } from '../scope.js';
import { Tensor } from '../tensor.js';
import { firstOutputs } from '../weights/index.js';
import { type DivergenceSpec, divergenceFromTop } from './divergence.js';
import {
  countedRows,
  gatherRows,
  headLogits,
  type Logits,
  type LogitsChunk,
  logitsAtOnce,
  type RowLoss,
} from './linearLoss.js';
import { reduceToTop, type TopTokens, topTokens } from './topTokens.js';

/** The divergences of which that holds. */
export const coarseKinds: ReadonlySet<string> = new Set<DivergenceKind>([
  'forwardKL',
  'reverseKL',
  'symmetricKL',
  'jensenShannon',
  'totalVariation',
  'skewKL',
  'skewReverseKL',
]);

/**
 * The `k` likeliest tokens of each predicted row of hidden states, whose label is not -100, in order. The logits are in
 * memory a chunk at a time.
 * @param vocabSize only the tokens below it are predicted, as in `LossOptions`
 * @returns of the rows that count; undefined where none does
 */
export function linearTopTokens(
  { hidden, head: whole }: Logits,
  labels: Int32Array,
  {
    k,
    temperature,
    vocabSize,
    chunkBytes,
  }: { readonly k: number; readonly temperature: number; readonly vocabSize: number; readonly chunkBytes?: number },
): TopTokens | undefined {
  const { device } = hidden;
  const counted = countedRows(labels, hidden, vocabSize);
  if (counted.length === 0) return undefined;
  const all = {
    ids: Tensor.empty(device, [counted.length, k], 'i32', 'topTokens.ids'),
    logits: Tensor.empty(device, [counted.length, k + 1], 'f32', 'topTokens.logits'),
  };
  const head = firstOutputs(whole, vocabSize);
  const chunkRows = logitsAtOnce(device, vocabSize, chunkBytes);
  for (let start = 0; start < counted.length; start += chunkRows) {
    tidy(() => {
      const rowIndices = counted.subarray(start, start + chunkRows);
      const chunk = Tensor.from(device, rowIndices, [rowIndices.length], 'topTokens.rows');
      const logits = headLogits(gatherRows(hidden, chunk), head);
      const part = reduceToTop(logits, topTokens(logits, k), temperature);
      device.copy(part.ids.storage, 0, all.ids.storage, 4 * start * k, 4 * part.ids.size);
      device.copy(part.logits.storage, 0, all.logits.storage, 4 * start * (k + 1), 4 * part.logits.size);
    });
  }
  return all;
}

/**
 * Divergence of each row from a teacher of which k tokens stand alone and all others count as one. `gradScale` multiplies the
 * gradients, not the losses.
 * @param teacher its prediction of the rows of a chunk, at the temperature of the divergence
 */
export const topDivergenceRows =
  (teacher: (chunk: LogitsChunk) => TopTokens, divergence: DivergenceSpec, gradScale: number): RowLoss =>
  (chunk) => {
    const { logits: student, labels } = chunk;
    return divergenceFromTop(divergence, { teacher: teacher(chunk), student, labels, gradScale }).loss;
  };
