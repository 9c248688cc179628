import { defineLoss } from './defineLoss.js';

/**
 * Reverse KL: KL(q || p) = sum q log(q / p), p teacher, q student: mode-seeking (MiniLLM's objective, token by token).
 * Unbounded: large where the student gives weight to what the teacher rules out.
 * @throws OptionError
 */
export const reverseKL = defineLoss('reverseKL', {}, () => ({ kind: 'reverseKL', weight: 0 }));
