import type { DivergenceSpec } from '../../tensor/index.js';
import type { TeacherSignal } from './teacherSignal.js';
import { onTaken, type Term } from './term.js';

/** Divergence of the student from a teacher, token by token. `takes`: of these samples only. */
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
  rowLoss: (batch, gradScale) => onTaken(batch, takes, teacher.divergenceOf(batch, spec, gradScale)),
});
