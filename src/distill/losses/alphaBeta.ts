import { option } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';
import { exponent, refuseExponents } from './exponents.js';

/**
 * Alpha-beta divergence (ABKD, arXiv 2505.04560), p teacher, q student:
 *
 *     -1 / (a b) sum(p^a q^b - a / (a + b) p^(a + b) - b / (a + b) q^(a + b)),  a = alpha, b = beta
 *
 * and its limits: (1, 0) is forward KL and (0, 1) reverse KL, with the same bits; (0.5, 0.5) is four times the squared
 * Hellinger distance. Both are from 0 to 2 and add up to at least 0.1. Where they do not add up to 1 the value is not in
 * nats, and values of different alpha and beta cannot be compared.
 *
 * alpha 0.2 and beta 0.7, the defaults, are published for GPT-2; 0.1 and 0.8 for OpenLLaMA. The published code's own cases
 * of alpha 0 and beta 0 lack a factor of the formula, so that they jump; these are its limits.
 * @throws OptionError
 */
export const alphaBeta = defineLoss(
  'alphaBeta',
  {
    alpha: option(exponent.default(0.2), "exponent of the teacher's probabilities in the alpha-beta divergence", {
      flag: 'divergenceAlpha',
    }),
    beta: option(exponent.default(0.7), "exponent of the student's probabilities in the alpha-beta divergence", {
      flag: 'divergenceBeta',
    }),
  },
  {
    form: ({ alpha, beta }) => ({ kind: 'alphaBeta', between: 'teacherStudent', alpha, beta, power: 0, weight: 0.5 }),
    refuse: ({ alpha, beta }) => refuseExponents('beta', alpha, beta),
  },
);
