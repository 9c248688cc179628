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

/**
 * The kind that equals `kind` at this weight and needs no mixture: a mixture with weight 0 or 1 is one of its sides.
 * Both backends rely on it: calls of the kernel name the simplest kind.
 */
export function simplestKind(kind: DivergenceKind, weight: number): DivergenceKind {
  if (weight === 0 && (kind === 'skewKL' || kind === 'symmetricKL')) return 'forwardKL';
  if (weight === 0 && kind === 'skewReverseKL') return 'reverseKL';
  return weight === 1 && kind === 'symmetricKL' ? 'reverseKL' : kind;
}
