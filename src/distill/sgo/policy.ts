/** What a step trains on: fresh student-generated outputs (SGOs), replayed ones, or the data set's own responses. */
export type BatchSource = 'generate' | 'replay' | 'data';

/** Where a decision stands. Everything random comes in, so that a decision is a function of its arguments. */
export interface DecisionInput {
  /** Optimizer step, from 1 to the run's `totalSteps`. */
  readonly step: number;
  /** This step's draw from U[0, 1). */
  readonly random: number;
  /** The replay buffer holds `capacity` samples. */
  readonly bufferFull: boolean;
}

/** What a validation loss did to the policy. */
export interface ValidationEffect {
  readonly phi: number;
  readonly raised: boolean;
  /** Why nothing was done although something might have been expected. */
  readonly note?: 'loss is not finite' | 'cooling down' | 'at the cap';
}

/** A policy at work in one run: a small state machine that knows no models and no data. */
export interface SgoState {
  /** Probability of training on student outputs, fresh or replayed. */
  readonly phi: number;
  decide(input: DecisionInput): BatchSource;
  /** Called with the loss before the first step, then after each validation. */
  observeValidation(loss: number): ValidationEffect;
  /** Plain JSON from which `SgoPolicy.start` goes on. */
  toState(): SgoSnapshot;
}

export type SgoSnapshot = Readonly<Record<string, number | null>>;

/**
 * Where the training sequences come from, step by step. Made by the factories of this folder; the same policy may serve
 * several runs.
 */
export interface SgoPolicy {
  readonly name: string;
  /** Samples that the replay buffer keeps; 0 for a policy that never replays. */
  readonly capacity: number;
  /** The student may have to generate: the run then needs a tokenizer's EOS and room for a response. */
  readonly generates: boolean;
  /** Validation losses steer it: a run without validation data would leave it where it starts. */
  readonly usesValidation: boolean;
  /** @throws CheckpointError when `snapshot` is not of this policy. */
  start(run: { readonly totalSteps: number; readonly snapshot?: SgoSnapshot }): SgoState;
}
