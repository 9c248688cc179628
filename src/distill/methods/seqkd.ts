import * as z from 'zod';
import { forwardKL } from '../losses/index.js';
import { dataOnly } from '../sgo/index.js';
import { type DistillingSettings, defineMethod } from './defineMethod.js';

/**
 * SeqKD: the teacher answers every prompt once, and the student is fine-tuned on these answers by cross-entropy. With
 * `kdRatio: 1` behind it the student learns the teacher's predictions on them instead, by `loss`: forward KL, as the
 * DistiLLM code has it. The teacher's answers are drawn as `generation` says, by default at temperature 1 as in that code
 * (Kim and Rush search with beams).
 */
export const seqkd = defineMethod('seqkd', z.strictObject({}), {
  summary:
    'fine-tuning on answers of the teacher, which answers every prompt once; with a kdRatio above 0 its predictions as well',
  source: 'Kim and Rush (arXiv:1606.07947); scripts/gpt2/seqkd of the DistiLLM code',
  hasTeacher: true,
  hasStudentOutputs: false,
  settings: (): DistillingSettings => ({ loss: forwardKL(), sgo: dataOnly(), kdRatio: 0, answers: 'teacher' }),
});
