import * as z from 'zod';
import { reverseKL } from '../losses/index.js';
import { onPolicy as policy } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * On-policy distillation: reverse KL from the teacher, token by token, on fresh answers of the student. The data's answers
 * are not looked at, so prompts are all that the data need.
 */
export const onPolicy = defineMethod('onPolicy', z.strictObject({}), {
  summary: 'reverse KL on fresh answers of the student; the data need prompts only',
  source:
    'Agarwal et al. (arXiv:2306.13649) with lambda 1 and reverse KL; Thinking Machines Lab, "On-Policy Distillation" (2025)',
  hasTeacher: true,
  hasStudentOutputs: true,
  settings: (): DistillingSettings => ({ loss: reverseKL(), sgo: policy(), kdRatio: 1 }),
});
