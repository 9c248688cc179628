import { checkTemperature, checkWeight, type Divergence, type TemperatureOption } from './divergence.js';

/**
 * Generalised Jensen-Shannon divergence: w KL(q || m) + (1 - w) KL(p || m) with m = (1 - w) p + w q, p teacher, q
 * student. `weight` (w) is the student's weight in the mixture (GKD's beta is the teacher's: w = 1 - beta), between 0 and
 * 1 exclusive: at both ends the value vanishes. 0.5, the default, is the symmetric divergence; the official DistiLLM
 * code fixes 0.9. At most log 2.
 * @throws OptionError
 */
export const jensenShannon = ({
  weight = 0.5,
  temperature,
}: TemperatureOption & { readonly weight?: number } = {}): Divergence => ({
  kind: 'jensenShannon',
  weight: checkWeight('jensenShannon', 'weight', weight, weight > 0 && weight < 1, 'above 0 and below 1'),
  temperature: checkTemperature('jensenShannon', temperature),
});
