import { option, ranges } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';

/**
 * Generalised Jensen-Shannon divergence: w KL(q || m) + (1 - w) KL(p || m) with m = (1 - w) p + w q, p teacher, q
 * student. `weight` (w) is the student's weight in the mixture (GKD's beta is the teacher's: w = 1 - beta), between 0
 * and 1 exclusive: at both ends the value vanishes. 0.5, the default, is the symmetric divergence; the official
 * DistiLLM code fixes 0.9. At most log 2.
 * @throws OptionError
 */
export const jensenShannon = defineLoss(
  'jensenShannon',
  { weight: option(ranges.openShare.default(0.5), "the student's weight in the mixture") },
  ({ weight }) => ({ kind: 'jensenShannon', weight }),
);
