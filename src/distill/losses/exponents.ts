/** Exponents of an alpha-beta divergence, as losses have them. */
import { ranges } from '../../settings/index.js';

/** The least sum of both: towards 0 the divergence loses its meaning, and its value all digits. */
const LEAST = 0.1;

/** What an exponent may be. Its flag is the same in every loss, for methods have a beta of their own. */
export const exponent = ranges.between(0, 2);

/** What is wrong with two exponents, each within its range. */
export const refuseExponents = (name: string, alpha: number, beta: number): readonly [string, string] | undefined =>
  alpha + beta < LEAST ? [name, `at least ${LEAST} together with the other exponent (${alpha})`] : undefined;
