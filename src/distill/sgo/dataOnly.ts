import * as z from 'zod';
import { constantState, definePolicy } from './policy.js';

/** No student outputs: the data set's own responses only, as in plain KD and supervised fine-tuning. */
export const dataOnly = definePolicy('dataOnly', z.strictObject({}), {
  generates: false,
  usesData: () => true,
  usesValidation: false,
  capacity: () => 0,
  start: () => constantState(0, () => 'data'),
});
