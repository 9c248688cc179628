import { option, ranges } from '../../settings/index.js';
import { defineLoss } from './defineLoss.js';
import { exponent, refuseExponents } from './exponents.js';

const pairs = ['teacherMixture', 'studentMixture', 'mixtureTeacher', 'mixtureStudent'] as const;

/**
 * Divergence from or to an alpha-mixture of teacher p and student q (AMiD, arXiv 2510.15982):
 *
 *     r = (lambda p^s + (1 - lambda) q^s)^(1 / s), normalised, s = (1 - alpha) / 2
 *
 * At alpha -1 r is the plain mixture, at 1 the geometric p^lambda q^(1 - lambda), and beyond it leans to what both allow.
 * `between` says of which two, in this order, the divergence is taken: 'teacherMixture' is D(p, r). D is the alpha-beta
 * divergence with `divergenceAlpha` and `divergenceBeta`; 1 and 0, the defaults, are KL.
 *
 * Skew KL is alpha -1, 'teacherMixture', lambda its alpha; skew reverse KL is alpha -1, 'studentMixture', lambda 1 less its
 * alpha: with the same bits. The defaults, KL of 'teacherMixture' with alpha 0.5 and lambda 0.5, are the published ones; the
 * GPT-2 runs have divergenceAlpha 0.2 and divergenceBeta 0.7. The published code takes every alpha above 1 as 1.
 * @throws OptionError
 */
export const alphaMixture = defineLoss(
  'alphaMixture',
  {
    alpha: option(ranges.between(-5, 5).default(0.5), 'curvature of the mixture: -1 is the plain one, 1 the geometric'),
    lambda: option(ranges.openShare.default(0.5), "the teacher's weight in the mixture", { flag: 'mixtureLambda' }),
    between: option(
      ranges.choice(pairs).default('teacherMixture'),
      'of which two, in this order, the divergence is taken',
    ),
    divergenceAlpha: option(exponent.default(1), "exponent of the first's probabilities in the alpha-beta divergence"),
    divergenceBeta: option(exponent.default(0), "exponent of the second's probabilities in the alpha-beta divergence"),
  },
  {
    form: ({ alpha, lambda, between, divergenceAlpha, divergenceBeta }) => ({
      kind: 'alphaBeta',
      between,
      alpha: divergenceAlpha,
      beta: divergenceBeta,
      power: (1 - alpha) / 2,
      weight: lambda,
    }),
    refuse: ({ divergenceAlpha, divergenceBeta }) => refuseExponents('divergenceBeta', divergenceAlpha, divergenceBeta),
  },
);
