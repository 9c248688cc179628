import { option, ranges } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';

/**
 * Skew reverse KL: KL(q || (1 - alpha) p + alpha q), p teacher, q student (DistiLLM, section 3). Here alpha weighs the
 * *student* in the mixture; in `skewKL` it weighs the teacher. alpha 0 is reverse KL; as alpha nears 1 the value and
 * the gradient vanish. For alpha above 0 at most log(1 / alpha), however far apart the models are. alpha 0.1, the
 * default, is the published best; 0.1 to 0.3 is called robust.
 * @throws OptionError
 */
export const skewReverseKL = defineLoss(
  'skewReverseKL',
  { alpha: option(ranges.shareBelow1.default(0.1), "the student's share in the mixture") },
  ({ alpha }) => ({ kind: 'skewReverseKL', weight: alpha }),
);
