import { checkTemperature, type Divergence, inRange, type TemperatureOption } from './divergence.js';

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
  weight: inRange('symmetricKL', 'weight', weight, { from: 0, to: 1, open: 'none' }),
  temperature: checkTemperature('symmetricKL', temperature),
});
