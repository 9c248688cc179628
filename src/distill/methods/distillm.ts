import * as z from 'zod';
import { skewReverseKL } from '../losses/index.js';
import { adaptiveOffPolicy } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * DistiLLM: a skew divergence, here skew reverse KL with alpha 0.1, on the data and, as the validation loss asks for it, on
 * fresh and replayed answers of the student. The published runs take skew KL for GPT-2 base, skew reverse KL for all
 * larger students.
 */
export const distillm = defineMethod('distillm', z.strictObject({}), {
  summary: 'skew reverse KL on the answers of the data, and on its own as needed',
  source: 'Ko et al. (arXiv:2402.03898); scripts/gpt2/distillm of its code',
  hasTeacher: true,
  hasStudentOutputs: true,
  settings: (): DistillingSettings => ({ loss: skewReverseKL(), sgo: adaptiveOffPolicy(), kdRatio: 1 }),
});
