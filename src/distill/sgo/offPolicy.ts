import * as z from 'zod';
import { constantState, definePolicy, studentShare } from './policy.js';
import { decideReplay, replayOptions } from './replaySchedule.js';

/**
 * `adaptiveOffPolicy` whose phi is `share` throughout: student outputs are stored and replayed, and no validation
 * changes how often.
 * @throws OptionError
 */
export const offPolicy = definePolicy('offPolicy', z.strictObject({ ...studentShare, ...replayOptions }), {
  generates: true,
  usesData: ({ share }) => share < 1,
  usesValidation: false,
  capacity: ({ capacity }) => capacity,
  start: ({ share, schedule }, { totalSteps }) =>
    constantState(share, (input) => decideReplay(input, { phi: share, schedule, totalSteps })),
});
