/** Split: cuts at the matches of a pattern. */
import * as z from 'zod';
import { component, patternField } from '../component.js';

/** What becomes of a match. Their places are the numbers that assembly/text/preTokenizers/split.ts has. */
const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;

export const split = component(
  'Split',
  z.object({ pattern: patternField, behavior: z.enum(behaviors), invert: z.boolean().default(false) }),
  ({ pattern, behavior, invert }, where) =>
    (into) =>
      into.wasm.addSplit(into.automaton(pattern, where), behaviors.indexOf(behavior), invert),
);

/** WhitespaceSplit: white space goes, and cuts. */
export const whitespaceSplit = component('WhitespaceSplit', z.object({}), (_, where) => (into) => {
  into.wasm.addSplit(into.automaton({ Regex: '\\s+' }, where), behaviors.indexOf('Removed'), false);
});
