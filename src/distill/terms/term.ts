/** The interface of a term. The student's logits are made by the step, a term sees them chunk by chunk. */
import type { LabelledBatch, Sample } from '../../data/batch.js';
import { type DivergenceSpec, ignoredLabel, type RowLoss, withLabels } from '../../tensor/index.js';

/** A batch with the samples that it is made of: a term may look at their origin or their key. */
export interface TermBatch extends LabelledBatch {
  /** The sample of each row. */
  readonly samples: readonly Sample[];
}

/** The step in which a term is taken. */
export interface TermStep {
  /** All that the step trains on, plain text aside. */
  readonly batches: readonly TermBatch[];
  /** How far the run is: the step, from 1, by the steps of the run. */
  readonly progress: number;
  /** Numbers that terms keep from step to step, by names of their own. The states of a run have them. */
  readonly memory: Map<string, number>;
}

/** What changes from step to step. */
export interface StepFacts {
  /** The divergence of this step, of a loss that changes during a run. */
  readonly divergence?: DivergenceSpec;
  /** Whether the predictions of teacher and student are compared in this step. */
  readonly compares?: boolean;
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
  /** Names of what its row losses measure besides in such a step, over the tokens on which the term is taken. */
  measures?(facts: StepFacts): readonly string[];
  /**
   * How the rows of the student's logits of this batch are turned into gradients. It is called before the student's
   * forward pass, within `tidy`: what a teacher computes here is under way while the student's pass is recorded.
   * @param gradScale multiplies the gradients, not the losses
   */
  rowLoss(batch: TermBatch, gradScale: number, facts: StepFacts): RowLoss;
  /**
   * The term of one step, for a term that depends on all of the step, or on how far the run is. It is asked for before the
   * first forward pass of the step. Absent: the term is the same in every step.
   */
  readonly forStep?: (step: TermStep) => Promise<Term>;
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

/** The loss on those samples of a batch that a term takes. */
export function onTaken(batch: TermBatch, takes: Term['takes'], loss: RowLoss): RowLoss {
  const labels = labelsTaken(batch, takes);
  return labels === batch.labels ? loss : withLabels(labels, loss);
}
