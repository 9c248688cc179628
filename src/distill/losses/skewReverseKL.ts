import { checkTemperature, checkWeight, type Divergence } from './divergence.js';
import type { SkewOptions } from './skewKL.js';

/**
 * Skew reverse KL: KL(q || (1 - alpha) p + alpha q), p teacher, q student (DistiLLM, section 3). Here alpha weighs the
 * *student* in the mixture; in `skewKL` it weighs the teacher. alpha 0 is reverse KL; as alpha nears 1 the value and the
 * gradient vanish. For alpha above 0 at most log(1 / alpha), however far apart the models are.
 * @throws OptionError
 */
export const skewReverseKL = ({ alpha = 0.1, temperature }: SkewOptions = {}): Divergence => ({
  kind: 'skewReverseKL',
  weight: checkWeight('skewReverseKL', 'alpha', alpha, alpha >= 0 && alpha < 1, 'at least 0 and below 1'),
  temperature: checkTemperature('skewReverseKL', temperature),
});
