/**
 * What a step minimises is a sum of terms. A term says how rows of the student's logits become gradients; the step
 * makes these logits once for all terms of a batch. A new term is a file here, and its place in an objective.
 */
export { cachedTeacher, standInTeacher } from './cachedTeacher.js';
export { crossEntropy, isGiven, isOwn } from './crossEntropy.js';
export { divergence } from './divergence.js';
export { policyGradient } from './policyGradient.js';
export { liveTeachers, type TeacherSignal } from './teacherSignal.js';
export { labelsTaken, type StepFacts, type Term, type TermBatch, type TermStep } from './term.js';
