/** The interface of a term. The student's logits are made by the step, a term sees them chunk by chunk. */
import type { LabelledBatch, Sample } from '../../data/batch.js';
import { ignoredLabel, type RowLoss } from '../../tensor/index.js';

/** A batch with the samples that it is made of: a term may look at their origin or their key. */
export interface TermBatch extends LabelledBatch {
  /** The sample of each row. */
  readonly samples: readonly Sample[];
}

/** One addend of what a step minimises: `weight` times the mean of a loss over the tokens that count. */
export interface Term {
  /** Names its mean in `StepEvent.terms`. */
  readonly name: string;
  readonly weight: number;
  /** Whether the term is taken on a sample. Absent: on every one. */
  readonly takes?: (sample: Sample) => boolean;
  /** Fetches what the term needs for these batches, where that takes time. Called before their first `rowLoss`. */
  readonly prepare?: (batches: readonly TermBatch[]) => Promise<void>;
  /**
   * How the rows of the student's logits of this batch are turned into gradients. It is called before the student's
   * forward pass, within `tidy`: what a teacher computes here is under way while the student's pass is recorded.
   * @param gradScale multiplies the gradients, not the losses
   */
  rowLoss(batch: TermBatch, gradScale: number): RowLoss;
}

/** The labels of a batch with -100 throughout the samples that are not taken; the batch's own where all are. */
export function labelsTaken({ labels, seq, samples }: TermBatch, takes: Term['takes']): Int32Array {
  if (!takes || samples.every(takes)) return labels;
  const taken = labels.slice();
  samples.forEach((sample, row) => {
    if (!takes(sample)) taken.fill(ignoredLabel, row * seq, (row + 1) * seq);
  });
  return taken;
}
