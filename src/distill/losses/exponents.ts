/** Exponents of an alpha-beta divergence, as losses have them. */
import { option, ranges } from '../../settings/index.js';

/** The least sum of both: towards 0 the divergence loses its meaning, and its value all digits. */
const LEAST = 0.1;

/**
 * An exponent.
 * @param which its flag is `--divergence-alpha` or `--divergence-beta` in every loss: methods have a beta of their own
 * @param of which distribution's probabilities
 */
export const exponent = (which: 'alpha' | 'beta', fallback: number, of: string) =>
  option(ranges.between(0, 2).default(fallback), `exponent of the ${of} probabilities in the alpha-beta divergence`, {
    flag: which === 'alpha' ? 'divergenceAlpha' : 'divergenceBeta',
  });

/** What is wrong with two exponents, each within its range. */
export const refuseExponents = (name: string, alpha: number, beta: number): readonly [string, string] | undefined =>
  alpha + beta < LEAST ? [name, `at least ${LEAST} together with the other exponent (${alpha})`] : undefined;
