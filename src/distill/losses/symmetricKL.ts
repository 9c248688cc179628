import { option, ranges } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';

/**
 * Symmetric KL: (1 - weight) KL(p || q) + weight KL(q || p), p teacher, q student. `weight`, 0 to 1, weighs the reverse
 * direction: 0 is forward KL, 1 reverse KL, 0.5 (default) half of Jeffreys' divergence.
 * @throws OptionError
 */
export const symmetricKL = defineLoss(
  'symmetricKL',
  { weight: option(ranges.share.default(0.5), "the reverse direction's weight") },
  ({ weight }) => ({ kind: 'symmetricKL', weight }),
);
