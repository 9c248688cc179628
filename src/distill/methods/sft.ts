import * as z from 'zod';
import { defineMethod, type MethodSettings } from './defineMethod.js';

/**
 * Supervised fine-tuning: cross-entropy of the data's answers, without a teacher. For `fineTune`.
 * @example
 * fineTune({ ...methods.sft(), model, tokenizer, data, epochs: 3 })
 */
export const sft = defineMethod('sft', z.strictObject({}), {
  summary: 'supervised fine-tuning on the answers; makes teachers, prepares students',
  source: 'DistiLLM (arXiv:2402.03898), scripts/gpt2/sft of its code',
  hasTeacher: false,
  hasStudentOutputs: false,
  settings: (): MethodSettings => ({}),
});
