/** Replace: another text in place of each match of a pattern. */
import * as z from 'zod';
import { component, patternField } from '../component.js';

export const replace = component(
  'Replace',
  z.object({ pattern: patternField, content: z.string() }),
  ({ pattern, content }, where) =>
    (into) => {
      const { at, length } = into.text(content);
      into.wasm.addReplace(into.automaton(pattern, where), at, length);
    },
);
