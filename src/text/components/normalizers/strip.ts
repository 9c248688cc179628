/** Strip: white space at the ends goes. */
import * as z from 'zod';
import { component } from '../component.js';

export const strip = component(
  'Strip',
  z.object({ strip_left: z.boolean(), strip_right: z.boolean() }),
  (fields) => (into) => into.wasm.addStrip(fields.strip_left, fields.strip_right),
);
