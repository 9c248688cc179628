/** Metaspace: spaces become a visible character, which also stands before the text, and a piece begins at each. */
import * as z from 'zod';
import { characterField, component } from '../component.js';

/** Before which pieces the character is put. Their places are the numbers that assembly/text/preTokenizers/metaspace.ts has. */
export const prefixSchemes = ['never', 'first', 'always'] as const;

/** The fields that the pre-tokenizer and the decoder share. Older files have `add_prefix_space` for the scheme. */
export const metaspaceFields = z
  .object({
    replacement: characterField.default('\u2581'),
    prepend_scheme: z.enum(prefixSchemes).optional(),
    add_prefix_space: z.boolean().nullish(),
    split: z.boolean().default(true),
  })
  .transform(({ replacement, prepend_scheme, add_prefix_space, split }) => ({
    replacement,
    scheme: prepend_scheme ?? (add_prefix_space === false ? ('never' as const) : ('always' as const)),
    split,
  }));

export const metaspace = component('Metaspace', metaspaceFields, ({ replacement, scheme, split }) => (into) => {
  const { at, length } = into.text(replacement);
  into.wasm.addSpaced(at, length, prefixSchemes.indexOf(scheme));
  if (split) into.wasm.addSplitBefore(at, length);
});
