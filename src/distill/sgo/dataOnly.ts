import * as z from 'zod';
import { definePolicy } from './policy.js';

/** The data set's own responses only: plain KD, and supervised fine-tuning. */
export const offPolicy = definePolicy('offPolicy', z.strictObject({}), {
  generates: false,
  usesValidation: false,
  capacity: () => 0,
  start: () => ({
    phi: 0,
    decide: () => 'data',
    observeValidation: () => ({ phi: 0, raised: false }),
    toState: () => ({}),
  }),
});
