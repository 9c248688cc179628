/**
 * What a step minimises is a sum of terms. A term says how rows of the student's logits become gradients; the step
 * makes these logits once for all terms of a batch. A new term is a file here, and its place in an objective.
 */
export { crossEntropy } from './crossEntropy.js';
export { divergence } from './divergence.js';
export { liveTeacher, type TeacherSignal } from './teacherSignal.js';
export type { Term, TermBatch } from './term.js';
