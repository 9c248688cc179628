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

/**
 * Between which two distributions the `alphaBeta` kernel takes its divergence: teacher p, student q, and their mixture r.
 * A target is r without a gradient of its own.
 */
export const alphaBetaPairs = {
  teacherStudent: 0,
  teacherMixture: 1,
  studentMixture: 2,
  mixtureTeacher: 3,
  mixtureStudent: 4,
  targetStudent: 5,
} as const;
/** Name of a pair. */
export type AlphaBetaPair = keyof typeof alphaBetaPairs;

/** Which divergence of which distributions. */
export type DivergenceForm =
  | {
      /** Its name. */
      readonly kind: DivergenceKind;
      /** How the distributions are mixed or the terms weighed: the meaning is the kind's own. Unused by some. */
      readonly weight: number;
    }
  | {
      /** The alpha-beta divergence, see the record of the `alphaBeta` kernel. */
      readonly kind: 'alphaBeta';
      /** Of which two distributions. */
      readonly between: AlphaBetaPair;
      /** At least 0. (1, 0) is KL(A, B), (0, 1) KL(B, A). */
      readonly alpha: number;
      /** At least 0; alpha + beta is above 0. */
      readonly beta: number;
      /** Power of the mean that makes the mixture; 0 is the geometric one. Unused without a mixture. */
      readonly power: number;
      /** The teacher's weight in the mixture. Unused without a mixture. */
      readonly weight: number;
    };

/**
 * The same divergence by the kernel that computes it fastest: points of the alpha-beta family that are divergences of their
 * own are computed as these, to the last bit.
 */
export function simplestForm(form: DivergenceForm): DivergenceForm {
  if (form.kind !== 'alphaBeta') return { ...form, kind: simplestKind(form.kind, form.weight) };
  const { between, alpha, beta, power, weight } = form;
  const isForward = alpha === 1 && beta === 0;
  if (between === 'teacherStudent' && isForward) return { kind: 'forwardKL', weight: 0 };
  if (between === 'teacherStudent' && alpha === 0 && beta === 1) return { kind: 'reverseKL', weight: 0 };
  if (power !== 1 || !isForward) return form;
  if (between === 'teacherMixture') return { kind: 'skewKL', weight };
  return between === 'studentMixture' ? { kind: 'skewReverseKL', weight: 1 - weight } : form;
}
