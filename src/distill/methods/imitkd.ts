import * as z from 'zod';
import { forwardKL } from '../losses/index.js';
import { onPolicy } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * ImitKD: forward KL from the teacher on the student's own answers. Each step's are fresh (`--mixed-alpha 1` of the
 * DistiLLM code, which then draws them from a buffer: that is `sgo: offPolicy({ share: 1 })`).
 */
export const imitkd = defineMethod('imitkd', z.strictObject({}), {
  summary: "learns the teacher's predictions on the student's own answers, by forward KL",
  source: 'Lin et al. (arXiv:2009.07253); scripts/gpt2/imitkd of the DistiLLM code',
  hasTeacher: true,
  hasStudentOutputs: true,
  settings: (): DistillingSettings => ({ loss: forwardKL(), sgo: onPolicy(), kdRatio: 1 }),
});
