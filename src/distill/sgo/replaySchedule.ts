/**
 * How a policy with a replay buffer chooses between fresh and replayed answers: the three schedules of the DistiLLM paper
 * (section 3).
 */
import { option, ranges } from '../../settings/index.js';
import type { BatchSource, DecisionInput } from './policy.js';

/** The share of fresh outputs among student outputs over a run: see `adaptiveOffPolicy`. */
const shares = {
  decreasing: (phi: number, step: number, totalSteps: number) => phi * (1 - step / totalSteps),
  constant: (phi: number) => phi * 0.5,
  increasing: (phi: number, step: number, totalSteps: number) => (phi * step) / totalSteps,
};

/** The options of every policy with a replay buffer. */
export const replayOptions = {
  capacity: option(
    ranges.count.default(1000),
    'samples in the replay buffer, first in, first out; at least a whole batch',
    { unit: 'samples' },
  ),
  schedule: option(
    ranges.choice(['decreasing', 'constant', 'increasing']).default('decreasing'),
    'share of fresh outputs among student outputs over the run',
    { flag: 'replaySchedule' },
  ),
};

/** What a step trains on where student outputs have the probability `phi`. */
export function decideReplay(
  { step, random, bufferFull }: DecisionInput,
  { phi, schedule, totalSteps }: { phi: number; schedule: keyof typeof shares; totalSteps: number },
): BatchSource {
  const share = shares[schedule](phi, step, totalSteps);
  if (random < share || (random < phi && !bufferFull)) return 'generate';
  return random < phi ? 'replay' : 'data';
}
