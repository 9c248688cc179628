import { defineLoss } from './defineLoss.js';

/**
 * Total variation distance: 0.5 sum |p - q|, p teacher, q student. Symmetric, at most 1; the largest difference in
 * probability that the two give to any set of tokens (not in nats). Its gradient takes the sign of q - p, 0 at
 * equality; where the two are equal to 3e-7, rounding decides the sign, and with it twice the token's probability in the
 * mean that all other tokens share.
 * @throws OptionError
 */
export const totalVariation = defineLoss('totalVariation', {}, () => ({ kind: 'totalVariation', weight: 0 }));
