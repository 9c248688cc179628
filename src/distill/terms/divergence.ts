import { comparedRows, type DivergenceSpec } from '../../tensor/index.js';
import type { TeacherSignal } from './teacherSignal.js';
import { onTaken, type Term } from './term.js';

/** Whether the divergence is to a target, beside which its cross-entropy is measured. */
const hasTarget = (spec: DivergenceSpec): boolean => spec.kind === 'alphaBeta' && spec.between === 'targetStudent';

/**
 * Divergence of the student from a teacher, token by token. `takes`: of these samples only; `changes`: during a run, so that
 * each step has its own.
 * @param spec of one that changes, that of steps which have none of their own
 */
export const divergence = (
  teacher: TeacherSignal,
  spec: DivergenceSpec,
  weight: number,
  {
    name = 'divergence',
    takes,
    changes = false,
  }: { readonly name?: string; readonly takes?: Term['takes']; readonly changes?: boolean } = {},
): Term => ({
  name,
  weight,
  ...(takes && { takes }),
  ...(teacher.prepare && { prepare: teacher.prepare }),
  measures: ({ compares = false }) => [...(hasTarget(spec) ? ['crossEntropy'] : []), ...(compares ? comparedRows : [])],
  rowLoss(batch, gradScale, { divergence = spec, compares = false }) {
    const current = changes ? divergence : spec;
    return onTaken(batch, takes, teacher.divergenceOf(batch, current, gradScale, compares));
  },
});
