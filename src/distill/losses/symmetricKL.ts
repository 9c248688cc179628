import { checkTemperature, checkWeight, type Divergence, type TemperatureOption } from './divergence.js';

/**
 * Symmetric KL: (1 - weight) KL(p || q) + weight KL(q || p), p teacher, q student. `weight`, 0 to 1, weighs the reverse
 * direction: 0 is forward KL, 1 reverse KL, 0.5 (default) half of Jeffreys' divergence.
 * @throws OptionError
 */
export const symmetricKL = ({
  weight = 0.5,
  temperature,
}: TemperatureOption & { readonly weight?: number } = {}): Divergence => ({
  kind: 'symmetricKL',
  weight: checkWeight('symmetricKL', 'weight', weight, weight >= 0 && weight <= 1, 'at least 0 and at most 1'),
  temperature: checkTemperature('symmetricKL', temperature),
});
