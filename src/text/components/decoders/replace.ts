/** Replace: another text in place of each match of a pattern, token by token. */
import * as z from 'zod';
import { component, patternField } from '../component.js';

export const replaceDecoder = component(
  'Replace',
  z.object({ pattern: patternField, content: z.string() }),
  ({ pattern, content }, where) =>
    (into) => {
      const { at, length } = into.text(content);
      into.wasm.addReplaceDecoder(into.automaton(pattern, where), at, length);
    },
);
