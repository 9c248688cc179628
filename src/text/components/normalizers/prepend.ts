/** Prepend: a text that is not empty begins with another. */
import * as z from 'zod';
import { component } from '../component.js';

export const prepend = component('Prepend', z.object({ prepend: z.string() }), (fields) => (into) => {
  const { at, length } = into.text(fields.prepend);
  into.wasm.addPrepend(at, length);
});
