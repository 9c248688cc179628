import type { DivergenceSpec } from '../../tensor/index.js';
import type { TeacherSignal } from './teacherSignal.js';
import type { Term } from './term.js';

/** Divergence of the student from a teacher, token by token. */
export const divergence = (teacher: TeacherSignal, spec: DivergenceSpec, weight: number): Term => ({
  name: 'divergence',
  weight,
  ...(teacher.prepare && { prepare: teacher.prepare }),
  rowLoss: (batch, gradScale) => teacher.divergenceOf(batch, spec, gradScale),
});
