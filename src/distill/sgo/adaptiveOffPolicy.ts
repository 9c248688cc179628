/**
 * Section 3 of the DistiLLM paper as a state machine: when the student's own outputs are trained on, and when they are
 * made anew.
 */
import * as z from 'zod';
import { CheckpointError } from '../../errors.js';
import { group, option, ranges } from '../../settings/index.js';
import { definePolicy, type PolicyRun, type SgoSnapshot, type SgoState, type ValidationEffect } from './policy.js';
import { decideReplay, replayOptions } from './replaySchedule.js';

const options = z
  .strictObject({
    initThreshold: option(ranges.share.default(0), 'phi before the first validation that raises it', {
      unit: 'share',
    }),
    lossEps: option(ranges.notNegative.default(0.1), 'how much the validation loss must rise to raise phi by 0.1', {
      unit: 'nats',
    }),
    ...replayOptions,
    /** Brakes on phi. */
    guard: group(
      z.strictObject({
        cap: option(ranges.share.default(1), 'phi never rises above it', { unit: 'share' }),
        cooldown: option(ranges.countOrZero.default(0), 'validations to wait after a raise of phi'),
      }),
      'phi',
    ),
  })
  .check(({ value: { initThreshold, guard }, issues }) => {
    if (guard.cap >= initThreshold) return;
    const message = `between initThreshold (${initThreshold}) and 1`;
    issues.push({ code: 'custom', path: ['guard', 'cap'], message, input: guard.cap });
  });

type Settings = z.output<typeof options>;

/**
 * DistiLLM's adaptive off-policy approach (section 3). With probability phi a step trains on student outputs. phi
 * starts at `initThreshold`; a validation loss of at least the last accepted loss + `lossEps` raises it by 0.1 (to 1 at
 * most) and becomes the accepted loss, which at first is the loss before the first step. Each step draws u from U[0,
 * 1):
 *
 * 1. u < share, or u < phi while the buffer is not full: the student answers the batch's prompts; the answers are
 *    stored, and trained on.
 * 2. else u < phi: as many samples as the batch has, drawn from the buffer uniformly without replacement.
 * 3. else the data batch.
 *
 * share is phi (1 - t/T) ('decreasing'), 0.5 phi ('constant') or phi t/T ('increasing'), t being the step, from 1, of
 * T. A validation loss that is NaN or infinite changes nothing and is reported.
 *
 * phi never falls, and every rise of the loss raises it. `guard` limits that, off by default as in the paper. `cap`:
 * phi never exceeds it. `cooldown`: after a raise, phi and the accepted loss do not change for this many validations.
 * @throws OptionError
 */
export const adaptiveOffPolicy = definePolicy('adaptiveOffPolicy', options, {
  generates: true,
  usesData: () => true,
  usesValidation: true,
  capacity: ({ capacity }) => capacity,
  start,
});

function start(
  { initThreshold, lossEps, schedule, guard: { cap, cooldown } }: Settings,
  { totalSteps, snapshot }: PolicyRun,
): SgoState {
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

    decide: (input) => decideReplay(input, { phi: phi(), schedule, totalSteps }),

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

function readSnapshot(snapshot: SgoSnapshot = { raises: 0, acceptedLoss: null, coolingFor: 0 }) {
  const { raises, acceptedLoss, coolingFor } = snapshot;
  if (!isCount(raises) || acceptedLoss === undefined || !isCount(coolingFor)) {
    throw new CheckpointError(
      `adaptiveOffPolicy: the stored state is ${JSON.stringify(snapshot)}, expected raises and coolingFor, whole numbers, and ` +
        'acceptedLoss. Resume with the policy that the run began with.',
      { found: snapshot },
    );
  }
  return { raises, acceptedLoss, coolingFor };
}

const isCount = (value: number | null | undefined): value is number =>
  Number.isInteger(value) && (value as number) >= 0;
