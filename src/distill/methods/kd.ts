import * as z from 'zod';
import { forwardKL } from '../losses/index.js';
import { dataOnly } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * Knowledge distillation: forward KL from the teacher on the answers of the data (Hinton et al., 2015). kdRatio is 1, as
 * in the runs of the DistiLLM paper.
 */
export const kd = defineMethod('kd', z.strictObject({}), {
  summary: "learns the teacher's predictions on the answers of the data",
  source: 'Hinton et al. (arXiv:1503.02531); scripts/gpt2/kd of the DistiLLM code',
  hasTeacher: true,
  hasStudentOutputs: false,
  settings: (): DistillingSettings => ({ loss: forwardKL(), sgo: dataOnly(), kdRatio: 1 }),
});
