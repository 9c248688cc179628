/**
 * Losses that change during a run: where such a loss is after each step is plain data, which a state of the run keeps, so
 * that a run that is resumed goes on as if it had never stopped.
 */
import type { DivergenceForm } from '../../backend/kernels/index.js';

/** Where a loss is in its course, as plain JSON. */
export type LossState = Readonly<Record<string, number | null>>;

/** What a step measured of the divergence, means per token in nats. */
export interface MeasuredStep {
  /** Optimizer steps done, this one included. */
  readonly step: number;
  /** Of the whole run. */
  readonly totalSteps: number;
  /** The divergence itself; none in a step that takes none. */
  readonly divergence: number | undefined;
  /** The cross-entropy from the target to the student; none where there is no target. */
  readonly crossEntropy: number | undefined;
}

/** How a kind of loss changes. Each is a function of its arguments. */
export interface LossCourse<Loss> {
  /** Where it begins. */
  start(loss: Loss): LossState;
  /** The divergence that the kernels compute in such a state. */
  form(loss: Loss, state: LossState): DivergenceForm;
  /** The state after a step. */
  next(loss: Loss, state: LossState, measured: MeasuredStep): LossState;
  /** What a step is told to have been taken with, by name. */
  told(state: LossState): Readonly<Record<string, number>>;
}
