/** What a policy is: the decisions that the trainer asks of it, and how a kind of policy is declared. */
import type * as z from 'zod';
import { option, ranges, type Variant, type VariantData, variant } from '../../settings/index.js';

/** What a step trains on: fresh student-generated outputs (SGOs), replayed ones, or the data set's own responses. */
export type BatchSource = 'generate' | 'replay' | 'data';

/** What a decision depends on. The random draw is passed in, so that a decision is a function of its arguments. */
export interface DecisionInput {
  /** Optimizer step, from 1 to the run's `totalSteps`. */
  readonly step: number;
  /** This step's draw from U[0, 1). */
  readonly random: number;
  /** The replay buffer holds its capacity. */
  readonly bufferFull: boolean;
}

/** What a validation loss did to the policy. */
export interface ValidationEffect {
  /** Probability of training on student outputs from now on. */
  readonly phi: number;
  /** Whether this validation raised it. */
  readonly raised: boolean;
  /** Why phi was not raised, where that may surprise. */
  readonly note?: 'loss is not finite' | 'cooling down' | 'at the cap';
}

/** A policy at work in one run: a small state machine that knows no models and no data. */
export interface SgoState {
  /** Probability of training on student outputs, fresh or replayed. */
  readonly phi: number;
  /** What the step trains on. */
  decide(input: DecisionInput): BatchSource;
  /** Called with the loss before the first step, then after each validation. */
  observeValidation(loss: number): ValidationEffect;
  /** Plain JSON from which `startPolicy` continues. */
  toState(): SgoSnapshot;
}

/** State of a policy as plain JSON. */
export type SgoSnapshot = Readonly<Record<string, number | null>>;

/** The run in which a policy starts, or continues from a snapshot of its state. */
export interface PolicyRun {
  readonly totalSteps: number;
  readonly snapshot?: SgoSnapshot;
}

/** What the trainer must know of a kind of policy. */
export interface PolicyBehaviour<Settings> {
  /** The student may have to generate: the run then needs a tokenizer's EOS and room for a response. */
  readonly generates: boolean;
  /** Validation losses raise its phi: without validation data phi would never change. */
  readonly usesValidation: boolean;
  /** Whether steps may train on the answers of the data. */
  usesData(settings: Settings): boolean;
  /** Samples that the replay buffer keeps; 0 for a policy that never replays. */
  capacity(settings: Settings): number;
  /** @throws CheckpointError when `snapshot` is not of this policy. */
  start(settings: Settings, run: PolicyRun): SgoState;
}

/** A kind of policy: the factory of its data, and how it works. */
export const definePolicy = <const Kind extends string, Options extends z.ZodObject>(
  kind: Kind,
  options: Options,
  behaviour: PolicyBehaviour<VariantData<Kind, z.output<Options>>>,
): Variant<Kind, z.input<Options>, z.output<Options>> & PolicyBehaviour<VariantData<Kind, z.output<Options>>> =>
  variant(kind, options, behaviour);

/** The option of policies whose phi is given. */
export const studentShare = {
  share: option(ranges.share.default(0.5), 'probability that a step trains on student outputs', {
    unit: 'share',
    flag: 'studentShare',
  }),
};

/** A policy that no validation changes, and that has nothing to remember. */
export const constantState = (phi: number, decide: SgoState['decide']): SgoState => ({
  phi,
  decide,
  observeValidation: () => ({ phi, raised: false }),
  toState: () => ({}),
});
