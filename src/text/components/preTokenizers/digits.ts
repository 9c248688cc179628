/** Digits: cuts numbers, or each of their digits, out of a text. */
import * as z from 'zod';
import { component } from '../component.js';

export const digits = component(
  'Digits',
  z.object({ individual_digits: z.boolean().default(false) }),
  (fields) => (into) => into.wasm.addDigits(fields.individual_digits),
);
