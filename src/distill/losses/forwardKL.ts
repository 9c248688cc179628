import { checkTemperature, type Divergence, type TemperatureOption } from './divergence.js';

/**
 * Forward KL: KL(p || q) = sum p log(p / q), p teacher, q student: the classic distillation loss, mass-covering.
 * Unbounded: large where the student gives little to what the teacher allows.
 * @throws OptionError
 */
export const forwardKL = ({ temperature }: TemperatureOption = {}): Divergence => ({
  kind: 'forwardKL',
  weight: 0,
  temperature: checkTemperature('forwardKL', temperature),
});
