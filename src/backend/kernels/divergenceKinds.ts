/** Which divergence the `divergence` kernel computes (p teacher, q student; src/distill/losses has their formulas). */
export const divergenceKinds = {
  forwardKL: 0,
  reverseKL: 1,
  symmetricKL: 2,
  jensenShannon: 3,
  totalVariation: 4,
  skewKL: 5,
  skewReverseKL: 6,
} as const;
/** Name of a divergence. */
export type DivergenceKind = keyof typeof divergenceKinds;
