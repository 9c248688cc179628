import type { SgoPolicy } from './policy.js';

/** The data set's own responses only: plain KD, and supervised fine-tuning. */
export const offPolicy = (): SgoPolicy => ({
  name: 'offPolicy',
  capacity: 0,
  generates: false,
  usesValidation: false,
  start: () => ({
    phi: 0,
    decide: () => 'data',
    observeValidation: () => ({ phi: 0, raised: false }),
    toState: () => ({}),
  }),
});
