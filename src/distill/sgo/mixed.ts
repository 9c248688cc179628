import * as z from 'zod';
import { constantState, definePolicy, studentShare } from './policy.js';

/**
 * Each step trains on fresh answers of the student with probability `share`, and else on the data: GKD's lambda
 * (Agarwal et al., 2024). share 0 is `dataOnly`, share 1 `onPolicy`.
 * @throws OptionError
 */
export const mixed = definePolicy('mixed', z.strictObject(studentShare), {
  generates: true,
  usesData: ({ share }) => share < 1,
  usesValidation: false,
  capacity: () => 0,
  start: ({ share }) => constantState(share, ({ random }) => (random < share ? 'generate' : 'data')),
});
