import { checkTemperature, checkWeight, type Divergence, type TemperatureOption } from './divergence.js';

export interface SkewOptions extends TemperatureOption {
  /** At least 0 and below 1. Default 0.1, the published best; 0.1 to 0.3 is called robust. */
  readonly alpha?: number;
}

/**
 * Skew KL: KL(p || alpha p + (1 - alpha) q), p teacher, q student (DistiLLM, section 3). Here alpha weighs the *teacher*
 * in the mixture; in `skewReverseKL` it weighs the student. alpha 0 is forward KL; as alpha nears 1 the value and the
 * gradient vanish. For alpha above 0 at most log(1 / alpha), however far apart the models are.
 * @throws OptionError
 */
export const skewKL = ({ alpha = 0.1, temperature }: SkewOptions = {}): Divergence => ({
  kind: 'skewKL',
  weight: checkWeight('skewKL', 'alpha', alpha, alpha >= 0 && alpha < 1, 'at least 0 and below 1'),
  temperature: checkTemperature('skewKL', temperature),
});
