import { option, ranges } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';

/**
 * Skew KL: KL(p || alpha p + (1 - alpha) q), p teacher, q student (DistiLLM, section 3). Here alpha weighs the
 * *teacher* in the mixture; in `skewReverseKL` it weighs the student. alpha 0 is forward KL; as alpha nears 1 the value
 * and the gradient vanish. For alpha above 0 at most log(1 / alpha), however far apart the models are. alpha 0.1, the
 * default, is the published best; 0.1 to 0.3 is called robust.
 * @throws OptionError
 */
export const skewKL = defineLoss(
  'skewKL',
  { alpha: option(ranges.shareBelow1.default(0.1), "the teacher's share in the mixture") },
  ({ alpha }) => ({ kind: 'skewKL', weight: alpha }),
);
