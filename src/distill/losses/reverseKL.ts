import { checkTemperature, type Divergence, type TemperatureOption } from './divergence.js';

/**
 * Reverse KL: KL(q || p) = sum q log(q / p), p teacher, q student: mode-seeking (MiniLLM's objective, token by token).
 * Unbounded: large where the student gives weight to what the teacher rules out.
 * @throws OptionError
 */
export const reverseKL = ({ temperature }: TemperatureOption = {}): Divergence => ({
  kind: 'reverseKL',
  weight: 0,
  temperature: checkTemperature('reverseKL', temperature),
});
