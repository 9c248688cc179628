import { comparedRows, type DivergenceSpec } from '../../tensor/index.js';
import type { TeacherSignal } from './teacherSignal.js';
import { onTaken, type Term } from './term.js';

/** Whether the divergence is to a target, which moves during a run. */
const moves = (spec: DivergenceSpec): boolean => spec.kind === 'alphaBeta' && spec.between === 'targetStudent';

/**
 * Divergence of the student from a teacher, token by token. `takes`: of these samples only.
 * @param spec where it is to a target, of the steps that have none of their own
 */
export const divergence = (
  teacher: TeacherSignal,
  spec: DivergenceSpec,
  weight: number,
  { name = 'divergence', takes }: { readonly name?: string; readonly takes?: Term['takes'] } = {},
): Term => ({
  name,
  weight,
  ...(takes && { takes }),
  ...(teacher.prepare && { prepare: teacher.prepare }),
  measures: ({ compares = false }) => [...(moves(spec) ? ['crossEntropy'] : []), ...(compares ? comparedRows : [])],
  rowLoss(batch, gradScale, { divergence = spec, compares = false }) {
    const current = moves(spec) ? divergence : spec;
    return onTaken(batch, takes, teacher.divergenceOf(batch, current, gradScale, compares));
  },
});
