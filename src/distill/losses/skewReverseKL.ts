import { checkTemperature, type Divergence, inRange } from './divergence.js';
import type { SkewOptions } from './skewKL.js';

/**
 * Skew reverse KL: KL(q || (1 - alpha) p + alpha q), p teacher, q student (DistiLLM, section 3). Here alpha weighs the
 * *student* in the mixture; in `skewKL` it weighs the teacher. alpha 0 is reverse KL; as alpha nears 1 the value and the
 * gradient vanish. For alpha above 0 at most log(1 / alpha), however far apart the models are.
 * @throws OptionError
 */
export const skewReverseKL = ({ alpha = 0.1, temperature }: SkewOptions = {}): Divergence => ({
  kind: 'skewReverseKL',
  weight: inRange('skewReverseKL', 'alpha', alpha, { from: 0, to: 1, open: 'end' }),
  temperature: checkTemperature('skewReverseKL', temperature),
});
