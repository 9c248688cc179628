/** The clipped policy gradient of MiniLLM and PPO, on rows of the LM head's logits. */
import { run } from '../run.js';
import { Tensor } from '../tensor.js';
import type { RowLoss } from './linearLoss.js';

/** What is known of the tokens of a batch from before its updates, row by row of the hidden states. */
export interface Rollout {
  /** How much better the answer goes on from here than others do: the gradient raises the token's probability by it. */
  readonly advantages: Float32Array;
  /** Log-probabilities of the tokens by the student as it answered. */
  readonly logProbs: Float32Array;
  /** Importance weights: probabilities by the student over those by which the tokens were drawn. */
  readonly importance: Float32Array;
}

/**
 * max(-a r, -a clamp(r, 1 - clip, 1 + clip)) of each row's label, a its advantage and r its importance weight times the
 * ratio of its probability to what that was. `gradScale` multiplies the gradients, not the losses.
 */
export const policyGradientRows =
  ({ advantages, logProbs, importance }: Rollout, clip: number, gradScale: number): RowLoss =>
  ({ logits, labels, rowIndices }) => {
    const ofRows = (values: Float32Array, name: string) =>
      Tensor.from(
        logits.device,
        Float32Array.from(rowIndices, (row) => values[row] as number),
        [rowIndices.length],
        name,
      );
    const given = {
      advantages: ofRows(advantages, 'policyGradient.advantages'),
      oldLogProbs: ofRows(logProbs, 'policyGradient.logProbs'),
      importance: ofRows(importance, 'policyGradient.importance'),
    };
    return run(logits.device, 'policyGradient', { labels, ...given, logits }, { clip, gradScale }).loss;
  };
