import * as z from 'zod';
import { constantState, definePolicy } from './policy.js';

/** Every step trains on answers that the student has just given to the batch's prompts: the data's answers are not looked at. */
export const onPolicy = definePolicy('onPolicy', z.strictObject({}), {
  generates: true,
  usesData: () => false,
  usesValidation: false,
  capacity: () => 0,
  start: () => constantState(1, () => 'generate'),
});
