/** ByteLevel: GPT-2's words, if asked for, of a text that may get a space before it. The model's tokens are bytes. */
import * as z from 'zod';
import { component } from '../component.js';
import { prefixSchemes } from './metaspace.js';

export const byteLevel = component(
  'ByteLevel',
  z.object({ add_prefix_space: z.boolean().default(true), use_regex: z.boolean().default(true) }),
  (fields) => (into) => {
    if (fields.add_prefix_space) {
      const { at, length } = into.text(' ');
      into.wasm.addSpaced(at, length, prefixSchemes.indexOf('always'));
    }
    if (fields.use_regex) into.wasm.addGpt2Words();
  },
);
