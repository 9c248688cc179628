import { defineLoss } from './defineLoss.js';

/**
 * Forward KL: KL(p || q) = sum p log(p / q), p teacher, q student: the classic distillation loss, mass-covering.
 * Unbounded: large where the student gives little to what the teacher allows.
 * @throws OptionError
 */
export const forwardKL = defineLoss('forwardKL', {}, () => ({ kind: 'forwardKL', weight: 0 }));
