/**
 * Whether a run is sound: its numbers are finite, and its validation loss is within a range that training can leave
 * only by breaking. A state is good when it was stored in that range, and has shown it when its own weights were
 * validated.
 */
import type { BestValidation } from './events.js';

export interface Soundness {
  /** Steps that were skipped, for their loss or a gradient was not finite. */
  readonly skipped: number;
  /** How many of them are the last steps, one after the other. */
  readonly inARow: number;
  /** Step of the validation after which the loss has been out of its range; absent while it is in it. */
  readonly strayedAt?: number | undefined;
  /** Step of the newest state that was stored while the loss was in its range. */
  readonly good?: number | undefined;
  /** Step of the newest state that was validated with its own weights, and was good. */
  readonly shown?: number | undefined;
}

/** After so many skipped steps in a row a run ends: it would skip all that follow. */
export const mostSkipped = 5;

/** A blind guess has a loss of ln(vocabulary). Five times that, or five times the loss at first, is no model. */
const factor = 5;

const isInRange = (loss: number, initial: BestValidation | undefined, vocabSize: number): boolean =>
  loss <= factor * Math.max(initial?.loss ?? 0, Math.log(vocabSize));

export const afterStep = (before: Soundness, { skipped }: { readonly skipped: boolean }): Soundness => ({
  ...before,
  skipped: before.skipped + (skipped ? 1 : 0),
  inARow: skipped ? before.inARow + 1 : 0,
});

/** Where no loss was measured, nothing is known of its range. */
export function afterValidation(
  before: Soundness,
  { step, loss }: { readonly step: number; readonly loss?: number },
  { initial, vocabSize }: { readonly initial: BestValidation | undefined; readonly vocabSize: number },
): Soundness {
  const strays = loss !== undefined && !isInRange(loss, initial, vocabSize);
  return { ...before, strayedAt: strays ? (before.strayedAt ?? step) : undefined };
}

/** @param isValidated the stored weights are those that were validated last */
export const afterSaving = (before: Soundness, step: number, isValidated: boolean): Soundness =>
  before.strayedAt === undefined ? { ...before, good: step, ...(isValidated && { shown: step }) } : before;
