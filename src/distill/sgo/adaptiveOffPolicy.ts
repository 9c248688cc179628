import { CheckpointError } from '../../errors.js';
import { optionChecker } from '../../optionChecker.js';
import type { SgoPolicy, SgoSnapshot, SgoState, ValidationEffect } from './policy.js';

const check = optionChecker('adaptiveOffPolicy');

/** How the share of fresh outputs among student outputs runs over training: see `adaptiveOffPolicy`. */
export type ReplaySchedule = 'decreasing' | 'constant' | 'increasing';

export interface AdaptiveOffPolicyOptions {
  /** Samples in the replay buffer, first in, first out; at least a whole batch. Default 1000. */
  readonly capacity?: number;
  /** phi before the first validation that raises it, 0 to 1. Default 0. */
  readonly initThreshold?: number;
  /** How much the validation loss must rise over the last accepted one, in nats per token, to raise phi. Default 0.1. */
  readonly lossEps?: number;
  /** Default 'decreasing', the published choice. */
  readonly schedule?: ReplaySchedule;
  /**
   * Brakes on phi, which otherwise never falls and rises with every rise of the loss. `cap`: phi stays at or below it
   * (default 1). `cooldown`: after a raise, phi and the accepted loss stay as they are for this many validations
   * (default 0). Off by default, as in the paper.
   */
  readonly guard?: { readonly cap?: number; readonly cooldown?: number };
}

/**
 * DistiLLM's adaptive off-policy approach (section 4). With probability phi a step trains on student outputs. phi starts
 * at `initThreshold`; a validation loss of at least the last accepted loss + `lossEps` raises it by 0.1 (to 1 at most)
 * and becomes the accepted loss, which at first is the loss before the first step. Each step draws u from U[0, 1):
 *
 * 1. u < share, or u < phi while the buffer is not full: the student answers the batch's prompts; the answers are
 *    stored, and trained on.
 * 2. else u < phi: as many samples as the batch has, drawn from the buffer uniformly without replacement.
 * 3. else the data batch.
 *
 * share is phi (1 - t/T) ('decreasing'), 0.5 phi ('constant') or phi t/T ('increasing'), t being the step, from 1, of T.
 * A validation loss that is NaN or infinite changes nothing and is reported.
 * @throws OptionError
 */
export function adaptiveOffPolicy({
  capacity = 1000,
  initThreshold = 0,
  lossEps = 0.1,
  schedule = 'decreasing',
  guard: { cap = 1, cooldown = 0 } = {},
}: AdaptiveOffPolicyOptions = {}): SgoPolicy {
  check('capacity', capacity, Number.isInteger(capacity) && capacity >= 1, 'an integer of at least 1');
  check('initThreshold', initThreshold, initThreshold >= 0 && initThreshold <= 1, 'between 0 and 1');
  check('lossEps', lossEps, Number.isFinite(lossEps) && lossEps >= 0, 'a number of at least 0');
  check('schedule', schedule, schedule in shares, Object.keys(shares).join(', '));
  check('guard.cap', cap, cap >= initThreshold && cap <= 1, `between initThreshold (${initThreshold}) and 1`);
  check('guard.cooldown', cooldown, Number.isInteger(cooldown) && cooldown >= 0, 'an integer of at least 0');

  function start({ totalSteps, snapshot }: { totalSteps: number; snapshot?: SgoSnapshot }): SgoState {
    let { raises, acceptedLoss, coolingFor } = readSnapshot(snapshot);
    // Raises are counted: adding 0.1 ten times gives 0.9999999999999999.
    const phi = () => Math.min(cap, initThreshold + raises / 10);
    const kept = (note?: ValidationEffect['note']): ValidationEffect => ({
      phi: phi(),
      raised: false,
      ...(note && { note }),
    });
    return {
      get phi() {
        return phi();
      },

      decide({ step, random, bufferFull }) {
        const threshold = phi();
        const share = shares[schedule](threshold, step, totalSteps);
        if (random < share || (random < threshold && !bufferFull)) return 'generate';
        return random < threshold ? 'replay' : 'data';
      },

      observeValidation(loss) {
        if (!Number.isFinite(loss)) return kept('loss is not finite');
        if (acceptedLoss === null) {
          acceptedLoss = loss;
          return kept();
        }
        const cooling = coolingFor > 0;
        if (cooling) coolingFor--;
        // The official code's own comparison, rounding included: with eps 0.1 a rise from 2.2 to 2.3 is not enough.
        if (!(loss >= acceptedLoss + lossEps)) return kept();
        if (cooling) return kept('cooling down');
        acceptedLoss = loss;
        if (phi() >= cap) return kept('at the cap');
        raises++;
        coolingFor = cooldown;
        return { phi: phi(), raised: true };
      },

      toState: () => ({ raises, acceptedLoss, coolingFor }),
    };
  }

  return { name: 'adaptiveOffPolicy', capacity, generates: true, usesValidation: true, start };
}

const shares: Record<ReplaySchedule, (phi: number, step: number, totalSteps: number) => number> = {
  decreasing: (phi, step, totalSteps) => phi * (1 - step / totalSteps),
  constant: (phi) => phi * 0.5,
  increasing: (phi, step, totalSteps) => (phi * step) / totalSteps,
};

function readSnapshot(snapshot: SgoSnapshot = { raises: 0, acceptedLoss: null, coolingFor: 0 }) {
  const { raises, acceptedLoss, coolingFor } = snapshot;
  if (typeof raises !== 'number' || acceptedLoss === undefined || typeof coolingFor !== 'number') {
    const found = Object.keys(snapshot).join(', ');
    throw new CheckpointError(
      `adaptiveOffPolicy: the stored state has the fields (${found}), expected raises, acceptedLoss and coolingFor. ` +
        'Resume with the policy that the run began with.',
      { found },
    );
  }
  return { raises, acceptedLoss, coolingFor };
}
